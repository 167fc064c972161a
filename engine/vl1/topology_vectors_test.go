package vl1

import (
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"orrery/engine/identity"
	"orrery/engine/world"
)

// topologyVectors is testdata/topology.json (spec 02 §20.2).
type topologyVectors struct {
	Builtin   string `json:"builtin_planet"`
	Worlds    map[string]string
	Scenarios []struct {
		Name  string
		Files map[string]string `json:"files_at_start"`
		After topologyState     `json:"after_start"`
		Steps []struct {
			Op       string
			World    string
			MoonID   string `json:"moon_id"`
			Seed     string
			Address  string
			Accepted bool
			Result   bool
			State    topologyState
		}
	} `json:"topology_scenarios"`
}

type topologyState struct {
	PlanetID   string `json:"planet_id"`
	PlanetTime int64  `json:"planet_timestamp"`
	Moons      []struct {
		ID        string
		Timestamp int64
	}
	Wanted    []string `json:"moons_wanted"`
	Upstreams []string `json:"upstreams_sorted"`
	Am        bool     `json:"am_upstream"`
	Writes    []struct {
		File    string
		SHA512  string
		Deleted bool
	}
}

// state is the topology in the words of the vectors, and what was stored since
// the last call.
func (n *vectorNode) state() (s topologyState) {
	p := n.w.Planet()
	s.PlanetID, s.PlanetTime = fmt.Sprintf("%016x", p.ID), int64(p.Timestamp)
	for _, m := range n.w.Moons() {
		s.Moons = append(s.Moons, struct {
			ID        string
			Timestamp int64
		}{fmt.Sprintf("%016x", m.ID), int64(m.Timestamp)})
	}
	for _, x := range n.w.Wanted() {
		s.Wanted = append(s.Wanted, fmt.Sprintf("%016x", x.ID))
	}
	for _, a := range n.w.Upstreams(nil) {
		s.Upstreams = append(s.Upstreams, a.String())
	}
	s.Am = n.w.AmUpstream()
	return s
}

func (s *topologyState) String() string {
	return fmt.Sprintf("planet %s of %d, moons %v, wanted %v, roots %v, root ourselves %v", s.PlanetID, s.PlanetTime, s.Moons, s.Wanted, s.Upstreams, s.Am)
}

// stored gives the worlds put into the store in the words of the vectors.
func stored(did []string) []string {
	var out []string
	for _, d := range did {
		kind, content, ok := strings.Cut(d, " ")
		if !ok || kind != "planet" && kind != "moon" {
			continue
		}
		if id, gone := strings.CutPrefix(content, "deleted "); gone {
			out = append(out, "moons.d/"+id+".moon deleted")
			continue
		}
		b, err := hex.DecodeString(content)
		if err != nil {
			panic(err)
		}
		file := "planet"
		if kind == "moon" {
			w, _, err := world.Parse(b)
			if err != nil {
				panic(err)
			}
			file = fmt.Sprintf("moons.d/%016x.moon", w.ID)
		}
		out = append(out, fmt.Sprintf("%s %x", file, sha512.Sum512(b)))
	}
	return out
}

// topologyStricter are scenarios in which the reference takes a file with a
// wrong signature: here it is refused, and the state is that without the file.
var topologyStricter = []string{"custom planet file, corrupted signature", "orbit with moon file, bad signature"}

// vouched has the key that the user gave for planet_1, which another key than
// its own has signed.
func vouched() *world.Orbits {
	key, err := world.ParseKey("5fbc8b2425ab1fa3d3a159c2798aed786505cf898036722eb282c5024532a45d7ba94a5d61b7d84a412208f9decf7b0b572d9d36f3c3640adb161448d81c186d")
	if err != nil {
		panic(err)
	}
	return &world.Orbits{Signed: []world.Signed{{Kind: world.Planet, ID: 0xc0ffee, Keys: []identity.PublicKey{key}}}}
}

// offer takes a world from a file as the service does at its start.
func (n *vectorNode) offer(b []byte, kind world.Kind) (accepted bool) {
	w, _, err := world.Parse(b)
	if err != nil || w.Kind != kind || !vouched().Vouched(&w) {
		return false
	}
	n.do(func() { accepted = n.w.AddWorld(n.now, &w) == nil })
	return accepted
}

func TestTopologyVectors(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/topology.json")
	if err != nil {
		t.Fatal(err)
	}
	var v topologyVectors
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	for _, s := range v.Scenarios {
		t.Run(s.Name, func(t *testing.T) {
			n := newBareNode(t)
			check := func(what string, want *topologyState) {
				t.Helper()
				if got := n.state(); got.String() != want.String() {
					t.Errorf("%s:\n is %v\nwant %v", what, got.String(), want.String())
				}
				var writes []string
				for _, w := range want.Writes {
					if w.Deleted {
						writes = append(writes, w.File+" deleted")
					} else {
						writes = append(writes, w.File+" "+w.SHA512)
					}
				}
				if got := stored(n.did); !slices.Equal(got, writes) {
					t.Errorf("%s: stored %v, want %v", what, got, writes)
				}
				n.did = nil
			}
			stricter := slices.Contains(topologyStricter, s.Name)
			if f, ok := s.Files["planet"]; ok {
				if n.offer(unhex(f), world.Planet) && stricter {
					t.Error("a planet whose signature is wrong was taken")
				}
			}
			n.offer(unhex(v.Builtin), world.Planet)
			if stricter {
				s.After = v.Scenarios[0].After // no files
			}
			check("start", &s.After)
			for i, step := range s.Steps {
				what := fmt.Sprintf("step %d, %s %s", i, step.Op, step.World)
				switch step.Op {
				case "add_world":
					if got := n.fromRoot(unhex(v.Worlds[step.World])); got != step.Accepted {
						t.Errorf("%s: accepted %v, want %v", what, got, step.Accepted)
					}
				case "orbit":
					n.orbit(step.MoonID, step.Seed, unhex(s.Files["moons.d/"+step.MoonID+".moon"]))
					if stricter {
						step.State = v.Scenarios[0].After
						step.State.Writes = nil
					}
				case "deorbit":
					n.do(func() { n.w.Deorbit(n.now, parseID(t, step.MoonID)) })
				case "should_accept_world_update_from":
					if got := n.w.mayTellWorlds(identity.Identity{Address: identity.Address(parseID(t, step.Address))}); got != step.Result && len(step.State.Moons) == 0 {
						t.Errorf("%s: %v, want %v", what, got, step.Result)
					} else if got && len(step.State.Moons) > 0 {
						t.Errorf("%s: a root's address with another key may tell worlds", what)
					}
				default:
					t.Fatalf("%s is not known", what)
				}
				check(what, &step.State)
			}
		})
	}
}

func parseID(t *testing.T, s string) uint64 {
	t.Helper()
	id, err := strconv.ParseUint(s, 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// orbit uses a moon from its file if that holds it, else asks the seed.
func (n *vectorNode) orbit(id, seed string, file []byte) {
	moon := parseID(n.t, id)
	if w, _, err := world.Parse(file); err == nil && w.ID == moon && n.offer(file, world.Moon) {
		return
	}
	a, err := identity.ParseAddress(seed)
	if err != nil {
		n.t.Fatal(err)
	}
	n.do(func() { err = n.w.Orbit(n.now, world.Wanted{ID: moon, Seed: a}) })
	if (err != nil) != (a == 0) {
		n.t.Errorf("orbit %s with seed %s: %v", id, seed, err)
	}
}

// fromRoot offers a world in the way of an OK(HELLO) and reports whether it was
// taken.
func (n *vectorNode) fromRoot(b []byte) bool {
	before := n.state()
	teller := n.w.top.upstreams[0].id
	n.do(func() { n.w.takeWorlds(n.now, teller, b) })
	after := n.state()
	return before.String() != after.String()
}

// newBareNode is a node without a world.
func newBareNode(t *testing.T) *vectorNode {
	c := receiveCase{Name: t.Name()}
	c.Setup.Node, c.Setup.Planet = "alice", "planet"
	n := newVectorNode(t, &c)
	for _, p := range slices.Clone(n.w.order) {
		n.w.forget(p)
		if err := n.w.trust.Forget(p.id.Address); err != nil {
			t.Fatal(err)
		}
	}
	n.w.top = topology{}
	return n
}
