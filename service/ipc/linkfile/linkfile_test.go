package linkfile

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"
	"unicode/utf16"

	"orrery/service/ipc/invite"
	"orrery/service/ipc/qr"
)

const (
	controllerText = "294551b91f:0:95c11fbd0ce4c1bc28cf3117b792aaaa8a582232916ecf672cc586992e7a49603c3a8e4114ce3a3b4e1ebcaaa138da0d980bca7360411000586711a324b91934"
	nwid           = "294551b91f000001"
	link           = "orrery://join/" + nwid + "?c=" + controllerText + "&n=My+garden"
)

func sample(t testing.TB) invite.Invite {
	t.Helper()
	i, err := invite.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// read reads an invite from a file.
func read(file []byte) (invite.Invite, error) {
	text, err := Read(file)
	if err != nil {
		return invite.Invite{}, err
	}
	return invite.Parse(text)
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
		if got, err := read(file); err != nil || got != want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for name, file := range map[string][]byte{
		"nothing": nil, "only notes": []byte("# " + link), "a big file": bytes.Repeat([]byte("x"), maxText+1), "noise": {0xff, 0xfe, 0x00},
		"two links": []byte(link + "\n" + link), "a picture cut short": picture[:200],
	} {
		if got, err := read(file); err == nil || got != (invite.Invite{}) {
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
		if got, err := read(file); err != nil || got != sample(t) {
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
		i, err := read(b)
		if err != nil {
			return
		}
		again, err := read(i.File())
		if err != nil || again != i || i.Network == 0 || i.Pins() && i.Controller.Address != i.Network.Controller() {
			t.Fatalf("%+v, then %+v, %v", i, again, err)
		}
	})
}
