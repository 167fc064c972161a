package credential

import (
	"encoding/hex"
	"encoding/json"
	"net/netip"
	"os"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/identity"
)

// hexBytes is hex text in a vector file.
type hexBytes []byte

func (h *hexBytes) UnmarshalText(b []byte) (err error) {
	*h, err = hex.DecodeString(string(b))
	return err
}

// vectors is testdata/credentials.json, outputs of the reference.
type vectors struct {
	NetworkID  identity.NetworkID
	Now        clock.Wall
	Identities []struct {
		Role, Public, Secret string
	}
	Cases     []vector
	Agreement []struct {
		Name          string
		Ours, Theirs  hexBytes
		TheirIdentity string
		Agrees        bool
	} `json:"com_agreement"`
	Sequences []struct {
		Name  string
		Steps []step
	} `json:"membership_sequences"`
}

type vector struct {
	Name, Type    string
	Bin           hexBytes
	Parse, Verify string
	Consumed      int
	ForSign       hexBytes
	Reserialized  hexBytes
	Fields        json.RawMessage
	Checks        []struct {
		IP   *netip.Addr
		MAC  string
		Owns bool
	}
}

type step struct {
	Add          string
	Bin          hexBytes
	Result       string
	AllowedAfter *bool
	UsableAfter  *bool
	ValueAfter   uint32
}

// world is the vectors with their identities.
type world struct {
	vectors
	secrets map[string]*identity.Secret // by role
}

func load(t testing.TB) *world {
	t.Helper()
	b, err := os.ReadFile("testdata/credentials.json")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{secrets: map[string]*identity.Secret{}}
	if err := json.Unmarshal(b, &w.vectors); err != nil {
		t.Fatal(err)
	}
	for _, id := range w.Identities {
		if w.secrets[id.Role], err = identity.ParseSecret(id.Secret); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// look knows every identity but unknown_to_node.
func (w *world) look(a identity.Address) (identity.Identity, bool) {
	for role, s := range w.secrets {
		if s.Address == a && role != "unknown_to_node" {
			return s.Identity, true
		}
	}
	return identity.Identity{}, false
}

// bin is the encoded credential of a case.
func (w *world) bin(t testing.TB, name string) []byte {
	t.Helper()
	for _, c := range w.Cases {
		if c.Name == name {
			return c.Bin
		}
	}
	t.Fatalf("no case %q", name)
	return nil
}

// signed is what all kinds of credentials can do.
type signed interface {
	Append([]byte) []byte
	AppendSigned([]byte) []byte
	Verify(Lookup) (Outcome, identity.Address)
}

// parse reads one credential of a kind named as in the vectors.
func parse(kind string, b []byte) (signed, int, error) {
	switch kind {
	case "com":
		c, n, err := ParseMembership(b)
		return &c, n, err
	case "tag":
		c, n, err := ParseTag(b)
		return &c, n, err
	case "capability":
		c, n, err := ParseCapability(b)
		return &c, n, err
	case "coo", "coo-owns":
		c, n, err := ParseOwnership(b)
		return &c, n, err
	default:
		c, n, err := ParseRevocation(b)
		return &c, n, err
	}
}
