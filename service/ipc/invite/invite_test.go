package invite

import (
	"errors"
	"strings"
	"testing"

	"orrery/engine/identity"
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
