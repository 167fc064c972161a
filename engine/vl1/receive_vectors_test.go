package vl1

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"orrery/engine/armor"
	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/wire"
)

// source is who a datagram says that it comes from.
func source(data []byte) identity.Address {
	switch wire.Classify(data) {
	case wire.KindPacket:
		return wire.Packet(data).Source()
	case wire.KindBeacon:
		return wire.Beacon(data)
	}
	return 0
}

// step plays one step and returns what the node did, whether it knows the source
// and whether it counts the packet as received.
func (n *vectorNode) step(c *receiveCase, s *receiveStep) (did []string, known, counted bool) {
	n.did = nil
	n.w.replay = replay{} // some cases send the same packet again
	n.now = n.start.Add(clock.Mono(s.AtMs) * clock.Millisecond)
	if s.Timer {
		n.w.nextQueue = n.now.Mono
		n.do(func() { n.w.Tick(n.now) })
		return n.did, false, false
	}
	data := unhex(s.Datagram)
	from := netip.MustParseAddrPort(strings.Replace(s.From, "/", ":", 1))
	src := source(data)
	if s.Expects != "" {
		id, err := strconv.ParseUint(s.Expects, 16, 64)
		if err != nil {
			n.t.Fatal(err)
		}
		n.w.expect.add(id, expectation{to: src, verb: wire.Verb(unhex(s.Cleartext)[wire.HeaderLen]), remote: from, at: n.now.Mono - 10*clock.Millisecond})
	} else if n.asked != 0 && s.Cleartext != "" {
		// An answer to a WHOIS of the node, whose ID is its own.
		p := wire.Packet(unhex(s.Cleartext))
		binary.BigEndian.PutUint64(p.Payload()[1:], n.asked)
		n.keys[src].Seal(p, armor.AESGMACSIV)
		data = p
	}
	if src == 0 {
		src = n.v.secret("alice").Address
	}
	n.do(func() { n.w.Receive(n.now, []Datagram{{Data: data, Remote: from, Socket: 1}}) })
	p := n.w.peers[src]
	return n.did, p != nil, p != nil && p.lastReceive == n.now.Mono
}

// want is what the reference did, in the words of the test.
func (n *vectorNode) want(s *receiveStep) []string {
	var did []string
	for _, r := range s.Result {
		switch r.Kind {
		case "packet":
			switch {
			case r.Decrypt == "with colliding_shared_key":
				did = append(did, describeSent(r.To, "collider", r.Cipher, r.Hops, wire.Verb(r.Verb), r.Payload))
			case r.Hops > 0:
				who := n.known[identityOf(r)]
				did = append(did, fmt.Sprintf("%s relayed to %s cipher %d hops %d", r.To, who, r.Cipher, r.Hops))
			case r.Sum != "":
				did = append(did, describeSent(r.To, n.known[identityOf(r)], r.Cipher, r.Hops, wire.Verb(r.Verb), "sha256:"+r.Sum))
			default:
				did = append(did, describeSent(r.To, n.known[identityOf(r)], r.Cipher, r.Hops, wire.Verb(r.Verb), r.Payload))
			}
		case "fragment":
			did = append(did, fmt.Sprintf("%s fragment %s", r.To, r.Datagram))
		case "junk":
			did = append(did, fmt.Sprintf("%s junk %d ttl %d", r.To, 4, r.TTL))
		case "write planet":
			did = append(did, "planet "+r.Data)
		case "write moon":
			did = append(did, "moon "+r.Data)
		case "fatal identity collision":
			did = append(did, "collision")
		case "user message":
			did = append(did, fmt.Sprintf("message %s %s %s", r.Origin, r.Type, r.Data))
		case "remote trace":
			did = append(did, "trace "+r.Data)
		default:
			did = append(did, r.Kind)
		}
	}
	return did
}

func identityOf(r receiveResult) identity.Address {
	a, err := identity.ParseAddress(r.Dest)
	if err != nil {
		panic(err)
	}
	return a
}

// challenged has a new address asked by ECHO where the reference says HELLO: that
// is longer than what is left of the bytes that came from there, and nobody
// proved it. What the ECHO carries leaves room for its answer (spec 03 §11.4).
func challenged(did, want []string) []string {
	want = slices.Clone(want)
	for i := range min(len(did), len(want)) {
		d, w := strings.Fields(did[i]), strings.Fields(want[i])
		if len(d) != 9 || d[0] != w[0] || d[1] != "ECHO" || w[1] != "HELLO" && (w[1] != "ECHO" || len(w) != 8) || d[3] != w[3] {
			continue
		}
		if len(d[8]) <= 2*padding && strings.Trim(d[8], "0") == "" {
			want[i] = did[i]
		}
	}
	return want
}

// networkCase reports whether a case is about frames, credentials and refusals,
// which package node plays with networks.
func networkCase(name string) bool {
	for _, about := range []string{"frames, network", "credentials", "refused frame", "NETWORK_CONFIG_REQUEST"} {
		if strings.Contains(name, about) {
			return true
		}
	}
	return strings.HasPrefix(name, "ERROR") && !strings.Contains(name, "COLLISION")
}

func TestReceiveVectors(t *testing.T) {
	t.Parallel()
	v := loadVectors()
	used := make(map[string]bool)
	for i := range v.Cases {
		c := &v.Cases[i]
		if networkCase(c.Name) {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			n := newVectorNode(t, c)
			for j := range c.Steps {
				s := &c.Steps[j]
				did, known, counted := n.step(c, s)
				want, wantKnown, wantCounted := n.want(s), s.PeerKnown, s.Counted
				key := fmt.Sprintf("%s/%d", c.Name, j)
				if d, ok := deviations[key]; ok {
					used[key] = true
					want, wantKnown, wantCounted = d.apply(want, wantKnown, wantCounted)
				}
				want = challenged(did, want)
				if slices.Equal(did, want) && known == wantKnown && counted == wantCounted {
					continue
				}
				t.Errorf("step %d (%s):\n did %s\nwant %s\nknown %v want %v, received %v want %v", j, s.Note,
					strings.Join(did, "\n     "), strings.Join(want, "\n     "), known, wantKnown, counted, wantCounted)
			}
		})
	}
	for key := range deviations {
		if !used[key] {
			t.Errorf("deviation %q is of no step", key)
		}
	}
}

// A HELLO from an unknown peer, cut to every length.
func TestHelloTruncationVectors(t *testing.T) {
	t.Parallel()
	v := loadVectors()
	alice, bob := v.secret("alice"), v.secret("bob").Identity
	key, err := alice.Agree(bob.Public)
	if err != nil {
		t.Fatal(err)
	}
	keys := armor.NewKeys(&key)
	from := netip.MustParseAddrPort(vectorEndpoints["alice"])
	h := wire.Hello{
		Protocol: 12, Major: 1, Minor: 14, Revision: 1, Time: vectorEpoch, Identity: alice.Identity, SentTo: netip.MustParseAddrPort("198.51.100.20:9993"),
		PlanetID: 0xc0ffee, PlanetTime: 1, Moons: []wire.MoonRevision{{ID: 0x7f67e4443d, Time: 1}},
	}
	whole := h.Append(wire.AppendHeader(nil, 0x1122334455667788, bob.Address, alice.Address, wire.VerbHello))
	keys.CryptHelloTail(whole[:8], whole[wire.HeaderLen+h.TailOffset():])
	lengths := 0
	for _, r := range v.HelloTruncation.Ranges {
		for n := r.From; n <= r.To; n++ {
			lengths++
			c := receiveCase{Name: fmt.Sprint(n)}
			c.Setup.Node, c.Setup.Planet = "bob", "planet"
			node := newVectorNode(t, &c)
			pkt := slices.Clone(whole[:wire.HeaderLen+n])
			keys.Seal(pkt, armor.Poly1305None)
			node.do(func() { node.w.Receive(node.now, []Datagram{{Data: pkt, Remote: from, Socket: 1}}) })
			p := node.w.peers[alice.Address]
			var actions []string
			for _, d := range node.did {
				actions = append(actions, "sends "+strings.Fields(d)[1])
			}
			if len(actions) == 2 && actions[1] == "sends ECHO" {
				actions[1] = "sends HELLO" // see challenged
			}
			counted := p != nil && p.lastReceive == node.now.Mono
			if 85 <= n && n <= 90 {
				// The address it was sent to is cut: the reference adds the peer
				// before it notices.
				r.PeerKnown = false
			}
			if (p != nil) != r.PeerKnown || counted != r.Counted || !slices.Equal(actions, r.Actions) {
				t.Errorf("%d bytes: known %v, received %v, %v; want %v, %v, %v", n, p != nil, counted, actions, r.PeerKnown, r.Counted, r.Actions)
			}
		}
	}
	if lengths != 127 {
		t.Errorf("%d lengths in the vectors, want 127", lengths)
	}
}
