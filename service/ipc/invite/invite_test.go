package invite

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"
	"unicode/utf16"

	"orrery/engine/identity"
	"orrery/service/ipc/qr"
)

const (
	controllerText = "294551b91f:0:95c11fbd0ce4c1bc28cf3117b792aaaa8a582232916ecf672cc586992e7a49603c3a8e4114ce3a3b4e1ebcaaa138da0d980bca7360411000586711a324b91934"
	otherText      = "e285b97aef:0:1c64aedf1b3f80405f5c121a3d5263e66b4939bddc63a6f64da78ca9472e4f171bdfaf434c4596fea325fc82e2b047771cfa5be0be45789000e40f8171bcb7da"
	nwid           = "294551b91f000001"
	link           = "orrery://join/" + nwid + "?c=" + controllerText + "&n=My+garden"
)

// secretPart stands for a private key.
var secretPart = strings.Repeat("5ec4e7", 21) + "5e"

func sample(t testing.TB) Invite {
	t.Helper()
	id, err := identity.Parse(controllerText)
	if err != nil {
		t.Fatal(err)
	}
	n, err := identity.ParseNetworkID(nwid)
	if err != nil {
		t.Fatal(err)
	}
	return Invite{Network: n, Controller: id, Name: "My garden"}
}

func TestLinkReadsBack(t *testing.T) {
	t.Parallel()
	want := sample(t)
	if want.String() != link {
		t.Errorf("%s", want)
	}
	for _, n := range []string{"", "home", "Ännchen & Söhne?", "a+b=c%#", "名前"} {
		i := want
		i.Name = n
		if got, err := Parse(i.String()); err != nil || got != i {
			t.Errorf("%q: %+v, %v", n, got, err)
		}
	}
	if err := want.Check(); err != nil {
		t.Error(err)
	}
}

// TestForgiving: what mail programs, chats and people do to a link does not
// matter.
func TestForgiving(t *testing.T) {
	t.Parallel()
	want := sample(t)
	for _, s := range []string{
		"  " + link + "\r\n", "<" + link + ">", "“" + link + "”", "\ufeff" + link, strings.ToUpper(link[:30]) + link[30:],
		link[:60] + "\r\n " + link[60:120] + "\n" + link[120:], strings.Replace(link, "?", "/?x=1&", 1), link + "#top",
		strings.ReplaceAll(link, ":0:", "%3A0%3A"), strings.Replace(link, "&n=", ":&n=", 1),
		strings.Replace(link, "My+garden", "My%20%E2%80%AEgarden%00", 1),
	} {
		if got, err := Parse(s); err != nil || got != want {
			t.Errorf("%q: %+v, %v", s, got, err)
		}
	}
	if got, err := Parse("orrery://join/" + nwid); err != nil || got.Pins() || got.Name != "" || got.String() != "orrery://join/"+nwid {
		t.Errorf("%+v %v", got, err)
	}
	if got, err := Parse(link + strings.Repeat("ü", 200)); err != nil || len(got.Name) > MaxName || !strings.HasPrefix(got.Name, "My gardenü") {
		t.Errorf("%+v %v", got, err)
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	forged := []byte(controllerText)
	forged[len(forged)-1] ^= 1
	for _, c := range []struct {
		name, text string
		want       error
	}{
		{"empty", "", ErrInvite},
		{"a bare ID", nwid, ErrInvite},
		{"a web page", "https://example.org/?c=" + controllerText, ErrInvite},
		{"a contact card", "orrery://contact/" + controllerText, ErrContact},
		{"a short ID", "orrery://join/294551b9?c=" + controllerText, ErrInvite},
		{"no network", "orrery://join/0000000000000000", ErrInvite},
		{"no controller's network", "orrery://join/0000000000000001", ErrInvite},
		{"an ad-hoc network", "orrery://join/ff00160016000000?c=" + controllerText, ErrAdHoc},
		{"another's identity", "orrery://join/" + nwid + "?c=" + otherText, ErrController},
		{"half an identity", "orrery://join/" + nwid + "?c=" + controllerText[:80], ErrInvite},
		{"an empty identity", "orrery://join/" + nwid + "?c=", ErrInvite},
		{"two identities", link + "&c=" + otherText, ErrInvite},
		{"a bad escape", "orrery://join/" + nwid + "?c=%zz", ErrInvite},
		{"a private key", "orrery://join/" + nwid + "?c=" + controllerText + ":" + secretPart, ErrSecret},
		{"very long", link + strings.Repeat("x", 5000), ErrInvite},
		{"much longer", strings.Repeat(link, 100), ErrInvite},
	} {
		got, err := Parse(c.text)
		if !errors.Is(err, c.want) || got != (Invite{}) {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
		if err != nil && (strings.Contains(err.Error(), secretPart[:12]) || strings.Contains(err.Error(), controllerText[20:40])) {
			t.Errorf("%s: the error repeats a key: %v", c.name, err)
		}
	}
	i, err := Parse("orrery://join/" + nwid + "?c=" + string(forged))
	if err != nil || !errors.Is(i.Check(), ErrForged) {
		t.Errorf("a key that is not of the address: %v, %v", err, i.Check())
	}
}

// utf16File is text as old editors save it.
func utf16File(s string, order binary.AppendByteOrder) []byte {
	b := order.AppendUint16(nil, 0xfeff)
	for _, u := range utf16.Encode([]rune(s)) {
		b = order.AppendUint16(b, u)
	}
	return b
}

func TestFile(t *testing.T) {
	t.Parallel()
	want := sample(t)
	text := string(want.File())
	if !strings.Contains(text, "My garden") || !strings.HasSuffix(text, "\r\n") {
		t.Errorf("%q", text)
	}
	picture, err := qr.PNG(link)
	if err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string][]byte{
		"as written": want.File(), "Unix": []byte(strings.ReplaceAll(text, "\r\n", "\n")), "old Mac": []byte(strings.ReplaceAll(text, "\r\n", "\r")),
		"byte order mark": []byte("\ufeff" + text), "UTF-16": utf16File(text, binary.LittleEndian), "UTF-16 BE": utf16File(text, binary.BigEndian),
		"the link alone": []byte(link), "blank lines": []byte("\n\n # note\n  " + link + "  \n\n"), "wrapped": []byte(link[:70] + "\n" + link[70:]),
		"picture": picture,
	} {
		if got, err := Read(file); err != nil || got != want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for name, file := range map[string][]byte{
		"nothing": nil, "only notes": []byte("# " + link), "a big file": bytes.Repeat([]byte("x"), maxText+1), "noise": {0xff, 0xfe, 0x00},
		"two links": []byte(link + "\n" + link), "a picture cut short": picture[:200],
	} {
		if got, err := Read(file); err == nil || got != (Invite{}) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestPhotograph: a code in a larger picture, turned on its side and with noise, as
// a camera or a screenshot has it.
func TestPhotograph(t *testing.T) {
	t.Parallel()
	small, err := qr.Picture(link)
	if err != nil {
		t.Fatal(err)
	}
	const scale = 6
	b := small.Bounds()
	img := image.NewRGBA(image.Rect(0, 0, b.Dx()*scale+300, b.Dy()*scale+200))
	for y := range img.Rect.Dy() {
		for x := range img.Rect.Dx() {
			shade := uint8(170 + (x*7+y*13)%20)
			if u, v := (y-100)/scale, (x-150)/scale; x >= 150 && y >= 100 && u < b.Dx() && v < b.Dy() {
				r, _, _, _ := small.At(u, v).RGBA()
				shade = uint8(r>>8)/2 + 40 + uint8((x*31+y*17)%12)
			}
			img.SetRGBA(x, y, color.RGBA{shade, shade, shade - 20, 255})
		}
	}
	var photo, shot bytes.Buffer
	if err := jpeg.Encode(&photo, img, &jpeg.Options{Quality: 60}); err != nil {
		t.Fatal(err)
	}
	if err := png.Encode(&shot, img); err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string][]byte{"photograph": photo.Bytes(), "screenshot": shot.Bytes()} {
		if got, err := Read(file); err != nil || got != sample(t) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// FuzzRead: what reads as an invite prints as one that reads the same.
func FuzzRead(f *testing.F) {
	for _, s := range []string{link, "orrery://join/" + nwid, "# x\r\n" + link, "\xff\xfeo\x00", "orrery://join/" + nwid + "?c=" + controllerText + ":00"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if qr.IsPicture(b) {
			return // the reader of pictures has its own
		}
		i, err := Read(b)
		if err != nil {
			return
		}
		again, err := Read(i.File())
		if err != nil || again != i || i.Network == 0 || i.Pins() && i.Controller.Address != i.Network.Controller() {
			t.Fatalf("%+v, then %+v, %v", i, again, err)
		}
	})
}
