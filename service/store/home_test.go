package store

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"orrery/engine/credential"
	"orrery/engine/identity"
	"orrery/engine/netconf"
)

func openHome(t testing.TB) *Home {
	t.Helper()
	h, err := OpenHome(filepath.Join(t.TempDir(), "up", "home"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

func mode(t *testing.T, path string, want os.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Error(err)
	} else if runtime.GOOS != "windows" && info.Mode().Perm() != want {
		t.Errorf("%s has mode %v, want %v", path, info.Mode().Perm(), want)
	}
}

func put(t *testing.T, data string, path ...string) {
	t.Helper()
	name := filepath.Join(path...)
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(data), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestHomeIsLocked(t *testing.T) {
	t.Parallel()
	h := openHome(t)
	mode(t, h.Path(), 0o700)
	var locked *LockedError
	if _, err := OpenHome(h.Path()); !errors.As(err, &locked) || locked.Home != h.Path() || locked.PID != os.Getpid() {
		t.Errorf("opened twice: %v", err)
	} else if !strings.Contains(err.Error(), h.Path()) {
		t.Errorf("the error does not name the home: %v", err)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := OpenHome(h.Path())
	if err != nil {
		t.Fatal(err)
	}
	*h = *again
}

func TestHomeRefusesBadDirectories(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, "", dir, "file")
	if _, err := OpenHome(filepath.Join(dir, "file")); err == nil {
		t.Error("a file is a home")
	}
	if runtime.GOOS != "windows" {
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenHome(dir); err == nil {
			t.Error("everybody may write to the home")
		}
	}
}

// An imported home may have secrets that others can read, and temporary files.
func TestHomeIsTidied(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, "x", dir, secretFile)
	put(t, "x", dir, authTokenFile)
	put(t, "x", dir, networksDir, ".a.conf"+tempMark+"1")
	h, err := OpenHome(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	mode(t, filepath.Join(dir, secretFile), 0o600)
	mode(t, filepath.Join(dir, authTokenFile), 0o600)
	if _, err := os.Stat(filepath.Join(dir, networksDir, ".a.conf"+tempMark+"1")); err == nil {
		t.Error("temporary file left")
	}
}

// testSecretText is a throw-away identity whose address follows from its key.
const testSecretText = "dd1e3acec7:0:b346a9e8e16c7d9ac669bd1e838428fd893474ff6b1f30feae3e99ca3f9c81180fac36644172f8302544e32e851b2783d931a303b020890fb5886b728964e536" +
	":2597fdc3a5217b2613b130edc81cb13377b9edfd066dae665b62f69ad4bb0747064b3cf45a658fa3b37edea4140c8ba02bd4a41ecc8e803f11ae080c89783a1b"

func testSecret(t testing.TB) *identity.Secret {
	t.Helper()
	s, err := identity.ParseSecret(testSecretText)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestIdentity(t *testing.T) {
	t.Parallel()
	h, s := openHome(t), testSecret(t)
	if _, err := h.Identity(); !errors.Is(err, ErrNoIdentity) {
		t.Fatalf("no identity: %v", err)
	}
	if err := h.SaveIdentity(s); err != nil {
		t.Fatal(err)
	}
	mode(t, h.path(secretFile), 0o600)
	mode(t, h.path(publicFile), 0o644)
	for _, public := range []string{"", "garbage", s.String()} {
		put(t, public, h.path(publicFile))
		if public == "" {
			if err := os.Remove(h.path(publicFile)); err != nil {
				t.Fatal(err)
			}
		}
		got, err := h.Identity()
		if err != nil || got.Identity != s.Identity || got.Text() != s.Text() {
			t.Fatalf("loaded %v, %v", got, err)
		}
		if b, _ := os.ReadFile(h.path(publicFile)); string(b) != s.String() {
			t.Errorf("identity.public has %q", b)
		}
	}
	if err := h.SaveIdentity(s); err != nil {
		t.Errorf("saved again: %v", err)
	}
	if err := h.RetireIdentity(); err != nil {
		t.Fatal(err)
	}
	mode(t, h.path(collidedFile), 0o600)
	if _, err := h.Identity(); !errors.Is(err, ErrNoIdentity) {
		t.Errorf("after retirement: %v", err)
	}
	if _, err := os.Stat(h.path(publicFile)); err == nil {
		t.Error("identity.public left")
	}
}

// A damaged secret is never replaced.
func TestDamagedIdentity(t *testing.T) {
	t.Parallel()
	h, s := openHome(t), testSecret(t)
	text := s.Text()
	for name, content := range map[string]string{
		"empty": "", "garbage": "not an identity", "public only": s.String(), "cut": text[:200], "long": strings.Repeat("x", 5000),
		"other address": "1" + text[1:], "other key": text[:150] + "00" + text[152:],
	} {
		put(t, content, h.path(secretFile))
		var damaged *DamagedIdentityError
		if got, err := h.Identity(); !errors.As(err, &damaged) || damaged.Path != h.path(secretFile) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
		if err := h.SaveIdentity(s); !errors.Is(err, ErrIdentityExists) {
			t.Errorf("%s: overwritten: %v", name, err)
		}
		if b, _ := os.ReadFile(h.path(secretFile)); string(b) != content {
			t.Errorf("%s: the file was changed", name)
		}
	}
}

// TestIdentityElsewhere: a link to where nothing is yet, such as a disk that comes
// later, is no reason to make a new identity.
func TestIdentityElsewhere(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("links need rights there")
	}
	h, s := openHome(t), testSecret(t)
	target := filepath.Join(t.TempDir(), "secret")
	if err := os.Symlink(target, h.path(secretFile)); err != nil {
		t.Fatal(err)
	}
	var damaged *DamagedIdentityError
	if got, err := h.Identity(); !errors.As(err, &damaged) {
		t.Errorf("%v, %v", got, err)
	}
	if err := h.SaveIdentity(s); !errors.Is(err, ErrIdentityExists) {
		t.Errorf("overwritten: %v", err)
	}
	put(t, s.Text(), target)
	if got, err := h.Identity(); err != nil || got.Identity != s.Identity {
		t.Errorf("%v, %v", got, err)
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	h := openHome(t)
	a, err := h.AuthToken()
	if err != nil {
		t.Fatal(err)
	}
	m, _ := h.MetricsToken()
	again, _ := h.AuthToken()
	if len(a) != 24 || strings.Trim(a, tokenAlphabet) != "" || a == m || a != again {
		t.Errorf("tokens %q, %q, then %q", a, m, again)
	}
	mode(t, h.path(authTokenFile), 0o600)
	mode(t, h.path(metricsFile), 0o600)
	put(t, " \t\x00mine \r\n", h.path(authTokenFile))
	if got, err := h.AuthToken(); got != "mine" || err != nil {
		t.Errorf("token %q, %v", got, err)
	}
	put(t, "\n", h.path(authTokenFile))
	if got, err := h.AuthToken(); len(got) != 24 || err != nil {
		t.Errorf("token %q in place of an empty one, %v", got, err)
	}
}

func TestPortAndPID(t *testing.T) {
	t.Parallel()
	h := openHome(t)
	if err := errors.Join(h.SavePort(9993), h.SavePID()); err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(h.path(portFile)); string(b) != "9993" {
		t.Errorf("port file %q", b)
	}
	if b, _ := os.ReadFile(h.path(pidFile)); len(b) == 0 || strings.Trim(string(b), "0123456789") != "" {
		t.Errorf("pid file %q", b)
	}
	if err := errors.Join(h.RemovePID(), h.RemovePID()); err != nil {
		t.Error(err)
	}
}

var errBad = errors.New("bad content")

// refuse is a check that refuses content beginning with "bad".
func refuse(b []byte) error {
	if strings.HasPrefix(string(b), "bad") {
		return errBad
	}
	return nil
}

func TestDamagedFilesAreSetAside(t *testing.T) {
	t.Parallel()
	h, now := openHome(t), time.Unix(1_700_000_000, 0)
	for name, load := range map[string]func() ([]byte, []Notice, error){
		planetFile: func() ([]byte, []Notice, error) { return h.LoadPlanet(now, refuse) },
		trustFile:  func() ([]byte, []Notice, error) { return h.LoadTrust(now, refuse) },
	} {
		if b, notices, err := load(); b != nil || notices != nil || err != nil {
			t.Errorf("%s: nothing there: %q, %v, %v", name, b, notices, err)
		}
		put(t, "good", h.path(name))
		if b, notices, err := load(); string(b) != "good" || notices != nil || err != nil {
			t.Errorf("%s: %q, %v, %v", name, b, notices, err)
		}
		put(t, "bad", h.path(name))
		b, notices, err := load()
		if b != nil || err != nil || len(notices) != 1 || !errors.Is(notices[0].Err, errBad) || notices[0].MovedTo != name+".damaged-1700000000" {
			t.Errorf("%s: %q, %v, %v", name, b, notices, err)
		}
		if kept, _ := os.ReadFile(h.path(name + ".damaged-1700000000")); string(kept) != "bad" {
			t.Errorf("%s: lost", name)
		}
		if _, err := os.Stat(h.path(name)); err == nil {
			t.Errorf("%s: still there", name)
		}
	}
	put(t, strings.Repeat("x", maxWorld+1), h.path(planetFile))
	if b, notices, err := h.LoadPlanet(now, refuse); b != nil || err != nil || len(notices) != 1 || !errors.Is(notices[0].Err, ErrTooLarge) {
		t.Errorf("long planet: %d bytes, %v, %v", len(b), notices, err)
	}
}

func TestMoons(t *testing.T) {
	t.Parallel()
	h, now := openHome(t), time.Now()
	for _, id := range []uint64{0x294551b91f, 3, 0xffffffffffffffff} {
		if err := h.SaveMoon(id, []byte("moon")); err != nil {
			t.Fatal(err)
		}
	}
	put(t, "bad", h.path(moonsDir, "0000000000000002.moon"))
	for _, name := range []string{"2.moon", "000000294551B91F.moon", "x", "000000000000000g.moon", "+000000000000001.moon", "0000000000000004.moon.bak"} {
		put(t, "bad", h.path(moonsDir, name))
	}
	load := func() (ids []uint64, notices []Notice) {
		notices, err := h.LoadMoons(now, func(id uint64, b []byte) error {
			if err := refuse(b); err != nil {
				return err
			}
			ids = append(ids, id)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return ids, notices
	}
	ids, notices := load()
	if len(ids) != 3 || ids[0] != 3 || ids[1] != 0x294551b91f || len(notices) != 1 || notices[0].File != filepath.Join(moonsDir, "0000000000000002.moon") {
		t.Errorf("moons %x, %v", ids, notices)
	}
	if err := errors.Join(h.DeleteMoon(3), h.DeleteMoon(3)); err != nil {
		t.Error(err)
	}
	if ids, notices := load(); len(ids) != 2 || notices != nil {
		t.Errorf("moons %x, %v", ids, notices)
	}
	if _, err := os.Stat(h.path(moonsDir, "000000294551b91f.moon")); err != nil {
		t.Error(err)
	}
}

func TestPeers(t *testing.T) {
	t.Parallel()
	h, now := openHome(t), time.Now()
	const a, b, c identity.Address = 0x1234567801, 0x1234567802, 0x1234567803
	for i, p := range []identity.Address{a, b, c} {
		content := "peer"
		if p == b {
			content = "bad"
		}
		if err := h.SavePeer(now.Add(-time.Duration(i)*peerAge), p, []byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	var loaded []identity.Address
	notices, err := h.LoadPeers(now, func(p identity.Address, b []byte) error {
		if err := refuse(b); err != nil {
			return err
		}
		loaded = append(loaded, p)
		return nil
	})
	if err != nil || len(loaded) != 1 || loaded[0] != a || len(notices) != 1 {
		t.Errorf("loaded %v, %v, %v", loaded, notices, err)
	}
	if p, err := h.Peer(c); p != nil || err != nil {
		t.Errorf("an old peer: %q, %v", p, err)
	}
	if p, err := h.Peer(a); string(p) != "peer" || err != nil {
		t.Errorf("peer: %q, %v", p, err)
	}
	// Use keeps a peer, also if nothing about it changed.
	later := now.Add(peerAge - time.Hour)
	if err := h.SavePeer(later, a, []byte("peer")); err != nil {
		t.Fatal(err)
	}
	if err := h.ExpirePeers(later.Add(2 * time.Hour)); err != nil {
		t.Fatal(err)
	}
	entries, _ := os.ReadDir(h.path(peersDir))
	if len(entries) != 1 || entries[0].Name() != "1234567801.peer" {
		t.Errorf("left %v, the damaged file is too old too", entries)
	}
	if err := errors.Join(h.DeletePeer(a), h.DeletePeer(a)); err != nil {
		t.Error(err)
	}
}

func TestNetworks(t *testing.T) {
	t.Parallel()
	h := openHome(t)
	const a, b identity.NetworkID = 0x8e4df28b72000001, 0x8e4df28b72000002
	if err := errors.Join(h.SaveNetwork(a, []byte("v=7")), h.SaveNetwork(b, nil)); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(h.path(networksDir, b.String()+".conf")); string(got) != "\n" {
		t.Errorf("network without configuration: %q", got)
	}
	put(t, "", h.path(networksDir, "8e4df28b72000003.conf"))
	put(t, strings.Repeat("x", maxConfig+1), h.path(networksDir, "8e4df28b72000004.conf"))
	put(t, "allowGlobal=1\nallowManaged=10.0.0.0/8,junk\n", h.path(networksDir, "8e4df28b72000001.local.conf"))
	put(t, "v=7", h.path(networksDir, "8E4DF28B72000005.conf"))
	put(t, "allowDNS=1\n", h.path(networksDir, "8e4df28b72000009.local.conf"))

	list, notices, err := h.Networks(time.Unix(1700000000, 0))
	if err != nil || len(list) != 4 || len(notices) != 2 {
		t.Fatalf("networks %v, %v, %v", list, notices, err)
	}
	if string(list[0].Config) != "v=7" || list[1].Config != nil || list[2].Config != nil || list[3].Config != nil {
		t.Errorf("configurations: %v", list)
	}
	if s := list[0].Settings; !s.AllowManaged || !s.AllowGlobal || s.AllowDNS || len(s.ManagedOnly) != 1 {
		t.Errorf("settings: %+v", s)
	}
	if s := list[1].Settings; !s.AllowManaged || s.AllowGlobal {
		t.Errorf("default settings: %+v", s)
	}
	// What could not be used is kept, for the next change replaces the file.
	const kept = "networks.d/8e4df28b72000001.local.conf.damaged-1700000000"
	if b, err := os.ReadFile(h.path(kept)); err != nil || !strings.HasSuffix(string(b), ",junk\n") || !slices.ContainsFunc(notices, func(n Notice) bool { return n.CopiedTo == kept }) {
		t.Errorf("the copy of the settings: %q, %v, %v", b, err, notices)
	}
	// Settings may wait for a network that is not joined yet.
	if s, err := h.NetworkSettings(0x8e4df28b72000009); err != nil || !s.AllowDNS {
		t.Errorf("settings in advance: %+v, %v", s, err)
	}
	want := netconf.Settings{AllowManaged: true, AllowDNS: true, ManagedOnly: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	// A file that cannot be read at all lets nobody in.
	put(t, strings.Repeat("x", maxSettings+1), h.path(networksDir, "8e4df28b7200000a.local.conf"))
	if s, err := h.NetworkSettings(0x8e4df28b7200000a); !errors.Is(err, ErrTooLarge) || s.AllowManaged || !s.VerifiedOnly {
		t.Errorf("settings that are too long: %+v, %v", s, err)
	}
	put(t, "\x00\x00\x00\x00", h.path(networksDir, "8e4df28b7200000a.local.conf"))
	if s, err := h.NetworkSettings(0x8e4df28b7200000a); !errors.Is(err, netconf.ErrSetting) || s.AllowManaged || !s.VerifiedOnly {
		t.Errorf("settings that were lost: %+v, %v", s, err)
	}
	if err := h.SaveNetworkSettings(b, want); err != nil {
		t.Fatal(err)
	}
	if got, err := h.NetworkSettings(b); err != nil || !got.Equal(&want) {
		t.Errorf("settings came back as %+v, %v", got, err)
	}
	if err := errors.Join(h.DeleteNetwork(b), h.DeleteNetwork(b)); err != nil {
		t.Error(err)
	}
	if list, _, _ := h.Networks(time.Unix(1700000000, 0)); len(list) != 3 {
		t.Errorf("after leaving: %v", list)
	}
	if err := h.SaveNetwork(a, make([]byte, maxConfig+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("long configuration: %v", err)
	}
}

// TestRevoked: who was expelled is kept with the network, and goes with it.
func TestRevoked(t *testing.T) {
	t.Parallel()
	h := openHome(t)
	const nwid identity.NetworkID = 0x8e4df28b72000001
	list := []credential.Threshold{
		{Member: 0x1122334455, Until: 1700000000000, Type: credential.TypeMembership}, {Member: 0xc872fe451a, Until: 5, Type: credential.TypeTag, ID: 7},
	}
	if got, err := h.Revoked(nwid); err != nil || got != nil {
		t.Errorf("without a file: %v, %v", got, err)
	}
	if err := errors.Join(h.SaveNetwork(nwid, []byte("v=7")), h.SaveRevoked(nwid, list)); err != nil {
		t.Fatal(err)
	}
	all, notices, err := h.Networks(time.Unix(1700000000, 0))
	if err != nil || len(notices) != 0 || len(all) != 1 || !slices.Equal(all[0].Revoked, list) {
		t.Errorf("read back as %+v, %v, %v", all, notices, err)
	}
	put(t, "1122334455 1700000000000\nnonsense\n", h.path(networksDir, "8e4df28b72000001.revoked"))
	all, notices, err = h.Networks(time.Unix(1700000000, 0))
	if err != nil || len(notices) != 1 || len(all) != 1 || !slices.Equal(all[0].Revoked, list[:1]) {
		t.Errorf("a damaged file is read as %+v, %v, %v", all, notices, err)
	}
	if err := h.SaveRevoked(nwid, make([]credential.Threshold, credential.MaxThresholds+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too many: %v", err)
	}
	for _, clear := range []func() error{func() error { return h.SaveRevoked(nwid, nil) }, func() error { return h.DeleteNetwork(nwid) }} {
		if err := errors.Join(h.SaveRevoked(nwid, list), clear()); err != nil {
			t.Error(err)
		}
		if got, err := h.Revoked(nwid); err != nil || got != nil {
			t.Errorf("still there: %v, %v", got, err)
		}
	}
}

// TestLastBreath has the lock stay for a moment after the end of the process
// that took it, as a program has it that was just being started.
func TestLastBreath(t *testing.T) {
	t.Parallel()
	dead := exec.Command(os.Args[0], "-test.run=^$")
	if err := dead.Run(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if runtime.GOOS != "windows" {
		if err := os.Chmod(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := lock(f); !ok {
		t.Fatal(err)
	}
	fmt.Fprintln(f, dead.Process.Pid)
	var locked *LockedError
	begun := time.Now()
	if _, err := OpenHome(dir); !errors.As(err, &locked) || locked.PID != dead.Process.Pid || time.Since(begun) < lastBreath {
		t.Errorf("locked for good: %v after %v", err, time.Since(begun))
	}
	time.AfterFunc(lastBreath/4, func() { _ = f.Close() })
	h, err := OpenHome(dir)
	for range 100 { // on a machine that gives it no turn, the moment is longer
		if !errors.As(err, &locked) {
			break
		}
		h, err = OpenHome(dir)
	}
	if err != nil {
		t.Fatalf("locked for a moment: %v", err)
	}
	_ = h.Close()
}
