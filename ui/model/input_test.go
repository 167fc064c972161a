package model

import (
	"strings"
	"testing"

	"orrery/service/ipc"
	"orrery/ui/uitest"
)

const garden = "8056c2e21c00beef"

func TestCheckJoin(t *testing.T) {
	t.Parallel()
	controller := uitest.Identity("8056c2e21c")
	for _, c := range []struct {
		name, field string
		ready       bool
		wrong       bool
		network     string
		says        string
	}{
		{"empty", "", false, false, "", "16 digits"},
		{"spaces", "  \t", false, false, "", "16 digits"},
		{"plain", garden, true, false, garden, "8056c2e21c"},
		{"upper case", "8056C2E21C00BEEF", true, false, garden, ""},
		{"groups", " 8056 c2e2 1c00 beef ", true, false, garden, ""},
		{"dashes", "8056c2-e21c-00beef", true, false, garden, ""},
		{"colons, a long dash and a hard space", "8056:c2e2–1c00\u00a0beef", true, false, garden, ""},
		{"line break", "8056c2e21c\n00beef", true, false, garden, ""},
		{"ad-hoc", uitest.Club, true, false, uitest.Club, "ad-hoc"},
		{"one missing", "8056c2e21c00bee", false, false, "", "1 digit is missing"},
		{"many missing", "80", false, false, "", "14 digits are missing"},
		{"an address", "8056c2e21c", false, false, "", "address of a device"},
		{"too many", garden + "0", false, true, "", "17 digits"},
		{"not hex", "8056c2e21c00beeg", false, true, "", "0 to 9 and a to f"},
		{"digits of another script", "８０５６", false, true, "", "0 to 9 and a to f"},
		{"no such controller", "0000000000000001", false, true, "", "no network"},
		{"joined already", uitest.Home, false, true, uitest.Home, "home"},
		{"very long", strings.Repeat("8", 5000), false, true, "", "too long"},
		{"a contact", "orrery://contact/" + uitest.Identity(uitest.Bob), false, true, "", "contact"},
		{"a web page", "https://example.org/", false, true, "", "not an invite"},
		{"another link of ours", "orrery://moon/1", false, true, "", "not an invite"},
		{"an invite", "orrery://join/" + garden, true, false, garden, ""},
		{"an invite with a name", "ORRERY://Join/" + garden + "?n=My%20garden", true, false, garden, "My garden"},
		{"an invite with a slash", "orrery://join/" + garden + "/?n=x", true, false, garden, ""},
		{"an invite with a controller", "orrery://join/" + garden + "?c=" + controller + "&n=Garden", true, false, garden, "verified"},
		{"an invite to a joined network", "orrery://join/" + uitest.Home, false, true, uitest.Home, "home"},
		{"an invite cut short", "orrery://join/8056c2", false, true, "", "damaged"},
		{"another's controller", "orrery://join/" + garden + "?c=" + uitest.Identity(uitest.Bob), false, true, "", "not that of the network"},
		{"a controller's private key", "orrery://join/" + garden + "?c=" + controller + ":" + strings.Repeat("0", 128), false, true, "", "private key"},
		{"an invite that a mail program broke", "<orrery://join/" + garden + "?c=\r\n " + controller[:60] + "\r\n" + controller[60:] + ">", true, false, garden, "verified"},
		{"an invite of a verified controller", "orrery://join/" + uitest.Alice + "000009?c=" + uitest.Identity(uitest.Alice), true, false, uitest.Alice + "000009", "verified already"},
		{"an invite of a blocked controller", "orrery://join/" + uitest.Mallory + "000009?c=" + uitest.Identity(uitest.Mallory), false, true, "", "blocked"},
		{"an invite with another key", "orrery://join/" + uitest.Alice + "000009?c=" + uitest.Alice + ":0:" + strings.Repeat("0", 128), false, true, "", "not genuine"},
		{"an invite to a joined network with a verified controller", "orrery://join/" + uitest.Home + "?c=" + uitest.Identity(uitest.Home[:10]), false, true, uitest.Home, "already"},
		{"half a controller", "orrery://join/" + garden + "?c=8056c2e21c:0:12", false, true, "", "damaged"},
		{"a bad query", "orrery://join/" + garden + "?n=%zz", false, true, "", "damaged"},
		{"a controller for an ad-hoc network", "orrery://join/" + uitest.Club + "?c=" + controller, false, true, "", "no controller"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			j := newState(uitest.Snapshot()).CheckJoin(c.field)
			if j.Ready != c.ready || j.Wrong != c.wrong || j.Network != c.network || !strings.Contains(j.Message, c.says) || j.Message == "" {
				t.Errorf("%+v", j)
			}
		})
	}
}

func TestInvitePinsTheController(t *testing.T) {
	t.Parallel()
	s := newState(uitest.Snapshot())
	id := uitest.Identity("8056c2e21c")
	j := s.CheckJoin("orrery://join/" + garden + "?n=a%E2%80%AEb&c=" + strings.ToUpper(id))
	if j.Invite != "orrery://join/"+garden+"?c="+id+"&n=ab" || j.Network != garden || j.Name != "ab" {
		t.Errorf("%+v", j)
	}
	// One may open an invite to a network that one has joined by its ID.
	j = newState(uitest.WithTrouble()).CheckJoin("orrery://join/" + uitest.Home + "?c=" + id)
	if !j.Ready || j.Invite == "" || !strings.Contains(j.Message, "count as verified") {
		t.Errorf("%+v", j)
	}
	for _, field := range []string{garden, "orrery://join/" + garden + "?n=x"} {
		if j := s.CheckJoin(field); j.Invite != "" || !j.Ready {
			t.Errorf("%q: %+v", field, j)
		}
	}
}

func FuzzCheckJoin(f *testing.F) {
	for _, s := range []string{garden, "8056 c2e2", "orrery://join/" + garden + "?n=%zz", "orrery://join/", "orrery://contact/x", "\xff"} {
		f.Add(s)
	}
	s := newState(uitest.Snapshot())
	f.Fuzz(func(t *testing.T, field string) {
		j := s.CheckJoin(field)
		if j.Ready && (len(j.Network) != 16 || !isHex(j.Network)) || j.Message == "" {
			t.Errorf("%+v", j)
		}
		if c := s.CheckContact(field); c.Ready && (len(c.Address) != 10 || !isHex(c.Address)) || c.Message == "" {
			t.Errorf("%+v", c)
		}
	})
}

func TestCheckContact(t *testing.T) {
	t.Parallel()
	carol := uitest.Identity("ca401ca401")
	for _, c := range []struct {
		name, field  string
		ready, wrong bool
		says         string
	}{
		{"empty", " ", false, false, "Paste"},
		{"an identity", carol, true, false, "ca401ca401"},
		{"upper case", strings.ToUpper(carol), true, false, "ca401ca401"},
		{"with an empty private part", carol + ":", true, false, ""},
		{"a link", "orrery://contact/" + carol + "?n=Carol", true, false, "Carol"},
		{"an escaped link", "Orrery://contact/" + strings.ReplaceAll(carol, ":", "%3A"), true, false, ""},
		{"known already", uitest.Identity(uitest.Alice), true, false, uitest.Alice},
		{"ourselves", uitest.Identity(uitest.Self), false, true, "your own"},
		{"another key for a known address", uitest.Alice + ":0:" + strings.Repeat("0", 128), false, true, "Another key"},
		{"a private key", carol + ":" + strings.Repeat("1", 128), false, true, "private key"},
		{"a private key in a link", "orrery://contact/" + carol + ":" + strings.Repeat("1", 128), false, true, "private key"},
		{"another type", strings.Replace(carol, ":0:", ":1:", 1), false, true, "neither"},
		{"garbage", "hello", false, true, "neither"},
		{"a network ID", garden, false, true, "neither"},
		{"an invite", "orrery://join/" + garden, false, true, "invite"},
		{"a bad escape", "orrery://contact/%zz", false, true, "damaged"},
		{"a bad query", "orrery://contact/" + carol + "?n=%zz", false, true, "damaged"},
		{"very long", strings.Repeat("a", 5000), false, true, "too long"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := newState(uitest.Snapshot()).CheckContact(c.field)
			if got.Ready != c.ready || got.Wrong != c.wrong || !strings.Contains(got.Message, c.says) {
				t.Errorf("%+v", got)
			}
			if u := got.Trust(); c.ready && (u.Identity == "" || u.State != ipc.Verified || u.How != "contact card" || (u.Name != nil) != (got.Name != "")) {
				t.Errorf("%+v", u)
			}
		})
	}
}

func TestCheckName(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		field, name  string
		ready, wrong bool
		says         string
	}{
		{"Bob", "Bob", true, false, "Only you"},
		{"  Bob  ", "Bob", true, false, ""},
		{"", "", true, false, uitest.Bob},
		{strings.Repeat("ü", 64), strings.Repeat("ü", 64), true, false, ""},
		{strings.Repeat("x", 65), strings.Repeat("x", 64) + "…", false, true, "64 characters"},
		{"a\u202eb", "ab", false, true, "cannot be shown"},
		{"alice’s LAPTOP", "alice’s LAPTOP", true, false, uitest.Alice},
	} {
		n := newState(uitest.Snapshot()).CheckName(uitest.Bob, c.field)
		if n.Name != c.name || n.Ready != c.ready || n.Wrong != c.wrong || !strings.Contains(n.Message, c.says) {
			t.Errorf("%q: %+v", c.field, n)
		}
		if u := n.Trust(); u.Name == nil || *u.Name != c.name || u.State != "" {
			t.Errorf("%q: %+v", c.field, u)
		}
	}
}

func TestNameIsWhole(t *testing.T) {
	t.Parallel()
	s := newState(uitest.WithLongTexts())
	if r, _ := s.Peer(uitest.Alice); s.Name(uitest.Alice) == r.Name || s.Name("nobody") != "" {
		t.Errorf("%q", s.Name(uitest.Alice))
	}
}

func TestLink(t *testing.T) {
	t.Parallel()
	s := New(Options{})
	for link, want := range map[string]ActionKind{"orrery://join/x": OpenJoin, " Orrery://contact/x": OpenContact, "orrery://else": OpenJoin} {
		if a := s.Link(link); a.Do != want || a.Target != strings.TrimSpace(link) {
			t.Errorf("%q: %+v", link, a)
		}
	}
}
