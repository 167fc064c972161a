package vl2

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/credential"
	"orrery/engine/ether"
	"orrery/engine/identity"
	"orrery/engine/netconf"
	"orrery/engine/rule"
	"orrery/engine/vl1"
	"orrery/engine/wire"
)

// multicastVectors is testdata/multicast.json, as far as it is of use here.
type multicastVectors struct {
	NetworkID          identity.NetworkID
	Self, PeerB, PeerC identity.Address
	Identities         []party
	LocalEthernet      []struct {
		Name         string
		Config       vectorConfig
		From, To     vectorMAC
		EtherType    uint16
		Frame        string
		GroupsQueued []struct {
			MAC                   vectorMAC
			ADI                   uint32
			MulticastFramePayload string
		}
		InjectedToHost []vectorFrame
		Sent           []vectorSend
	} `json:"local_ethernet"`
	OutgoingControl []struct {
		Name string
		Sent []vectorSend
	} `json:"outgoing_control"`
	InboundSequences []struct {
		Name string
		vectorConfig
		Steps []struct {
			Step            string
			From            identity.Address
			PacketID        string
			Verb            wire.Verb
			Payload         string
			DeliveredToHost []vectorFrame
			Replies         []vectorSend
			QueuedSends     []vectorSend
			HeldForRetry    bool
		}
		BridgeRoutesAfter []struct {
			MAC vectorMAC
			Via identity.Address
		}
		MulticastMembersAfter []struct {
			NWID    identity.NetworkID
			MAC     vectorMAC
			ADI     uint32
			Members []identity.Address
		}
	} `json:"inbound_sequences"`
}

type vectorConfig struct {
	Flags          string
	MulticastLimit uint32
	Private        bool
	Specialists    []string
	StaticIPs      []string
}

type vectorFrame struct {
	SrcMAC, DstMAC vectorMAC
	EtherType      uint16
	Payload        string
}

// vectorMAC is a MAC as 12 hex digits.
type vectorMAC struct{ identity.MAC }

func (m *vectorMAC) UnmarshalText(b []byte) (err error) {
	m.MAC, err = identity.ParseMAC(string(b))
	return err
}

type vectorSend struct {
	To      identity.Address
	Verb    wire.Verb
	Payload string
}

func loadMulticast(t testing.TB) *multicastVectors {
	v := new(multicastVectors)
	loadVectors(t, "multicast.json", v)
	return v
}

// node returns a switch with the vectors' peers, roots and network.
func (v *multicastVectors) node(t testing.TB, limits Limits, c vectorConfig) (*fake, *Switch, *Network) {
	t.Helper()
	var self identity.Identity
	var others []identity.Identity
	for _, p := range v.Identities {
		switch {
		case p.Address == v.Self:
			self = p.identity(t)
		case p.Role != "unknown_to_node":
			others = append(others, p.identity(t))
		}
	}
	f := newFake(self, others...)
	f.upstreams = []identity.Address{0x62f865ae71, 0x778cde7190, 0xcafe04eba9, 0xcafe9efeb9}
	f.best = 0xcafe9efeb9
	s := New(Config{Link: f, Sink: f, Limits: limits, RetryHeld: func(_ clock.Instant, a identity.Address) { f.retried = append(f.retried, a) }})
	nw := s.Join(start, v.NetworkID, []byte{'\n'})
	s.setConfig(nw, v.config(t, c))
	nw.lastConfig = start.Mono
	f.take()
	return f, s, nw
}

// config builds the configuration that a vector describes. Private ones have our
// credentials from the vector that pushes them.
func (v *multicastVectors) config(t testing.TB, c vectorConfig) *netconf.Config {
	t.Helper()
	flags, err := strconv.ParseUint(c.Flags, 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	conf := &netconf.Config{
		Network: v.NetworkID, IssuedTo: v.Self, Timestamp: start.Wall, MaxDelta: 1800000, Revision: 1,
		Flags: flags, MulticastLimit: c.MulticastLimit, Public: !c.Private, MTU: 2800,
		Rules: []rule.Rule{{Type: rule.ActionAccept}},
	}
	for _, s := range c.Specialists {
		n, err := strconv.ParseUint(s, 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		conf.Specialists = append(conf.Specialists, netconf.Specialist(n))
	}
	for _, s := range c.StaticIPs {
		conf.Addresses = append(conf.Addresses, netip.MustParsePrefix(s))
	}
	if c.Private {
		r := credential.NewReader(unhex(t, v.OutgoingControl[6].Sent[0].Payload))
		for r.Next() {
			switch r.Type() {
			case credential.TypeMembership:
				conf.Membership = r.Membership
			case credential.TypeCapability:
				conf.Capabilities = append(conf.Capabilities, r.Capability)
			case credential.TypeTag:
				conf.Tags = append(conf.Tags, r.Tag)
			case credential.TypeOwnership:
				conf.Ownerships = append(conf.Ownerships, r.Ownership)
			}
		}
		if !r.Complete() {
			t.Fatal("credentials of the vectors do not parse")
		}
	}
	return conf
}

// matchSends compares packets. Order counts between those to one node only,
// because the order of members is random.
func matchSends(t *testing.T, what string, got []sent, want []vectorSend) {
	t.Helper()
	var g, w []string
	slices.SortStableFunc(got, func(a, b sent) int { return cmp.Compare(a.To, b.To) })
	for _, p := range got {
		g = append(g, p.String())
	}
	w = append(w, vectorLines(want)...)
	if !slices.Equal(g, w) {
		t.Errorf("%s:\n got %s\nwant %s", what, strings.Join(g, "\n     "), strings.Join(w, "\n     "))
	}
}

func vectorLines(want []vectorSend) (w []string) {
	want = slices.Clone(want)
	slices.SortStableFunc(want, func(a, b vectorSend) int { return cmp.Compare(a.To, b.To) })
	for _, p := range want {
		w = append(w, sent{To: p.To, Verb: p.Verb, Payload: p.Payload}.String())
	}
	return w
}

func matchFrames(t *testing.T, got []frameOut, want []vectorFrame) {
	t.Helper()
	var w []frameOut
	for _, f := range want {
		w = append(w, frameOut{f.SrcMAC.MAC, f.DstMAC.MAC, f.EtherType, f.Payload, false})
	}
	if !slices.Equal(got, w) {
		t.Errorf("delivered to host:\n got %v\nwant %v", got, w)
	}
}

func TestLocalEthernetVectors(t *testing.T) {
	t.Parallel()
	v := loadMulticast(t)
	for _, c := range v.LocalEthernet {
		t.Run(c.Name, func(t *testing.T) {
			f, s, nw := v.node(t, Limits{}, c.Config)
			if c.Name == "unicast-foreign-mac-learned-route" {
				nw.hosts.learn(start.Mono, c.To.MAC, v.PeerC)
			}
			s.SendFrame(start, nw, c.From.MAC, c.To.MAC, c.EtherType, unhex(t, c.Frame))
			matchFrames(t, f.takeDelivered(), c.InjectedToHost)
			out := f.take()
			for _, p := range out {
				if p.Verb == wire.VerbFrame && p.compress {
					t.Error("unicast frame sent compressed")
				}
			}
			if c.Name == "arp-request-multicast-limit-0-dropped" {
				// Here nothing stops a question who holds an address.
				gather := wire.MulticastGather{Network: nw.id, Group: identity.MulticastGroup{MAC: identity.Broadcast, ADI: 0x0a931109}, Limit: resolutionLimit + 1}
				for _, to := range []identity.Address{nw.controller, f.best} {
					c.Sent = append(c.Sent, vectorSend{to, wire.VerbMulticastGather, hex.EncodeToString(gather.Append(nil))})
				}
				matchSends(t, "sent", out, c.Sent)
				return
			}
			matchSends(t, "sent", out, c.Sent)
			queued := 0
			for _, g := range s.groups.groups {
				queued += len(g.queue)
			}
			if queued != len(c.GroupsQueued) {
				t.Fatalf("%d frames queued, want %d", queued, len(c.GroupsQueued))
			}
			for _, q := range c.GroupsQueued {
				g := s.groups.get(groupKey{v.NetworkID, identity.MulticastGroup{MAC: q.MAC.MAC, ADI: q.ADI}})
				if g == nil || len(g.queue) != 1 {
					t.Fatalf("nothing queued for %v/%08x", q.MAC, q.ADI)
				}
				if o := g.queue[0]; hex.EncodeToString(o.head)+hex.EncodeToString(o.payload) != q.MulticastFramePayload {
					t.Errorf("queued %x%x, want %s", o.head, o.payload, q.MulticastFramePayload)
				}
			}
		})
	}
}

// TestOutgoingControlVectors follows spec 04 §18.2.
func TestOutgoingControlVectors(t *testing.T) {
	t.Parallel()
	v := loadMulticast(t)
	arp := identity.MulticastGroup{MAC: identity.Broadcast, ADI: 0x0a931105}
	v6 := identity.MulticastGroup{MAC: 0x3333ff000005}
	flags := "0000000000000002"
	next := 0
	check := func(f *fake) {
		t.Helper()
		c := v.OutgoingControl[next]
		matchSends(t, fmt.Sprintf("case %d %s", next, c.Name), f.take(), c.Sent)
		next++
	}

	f, s, nw := v.node(t, Limits{}, vectorConfig{Flags: flags, MulticastLimit: 32, Specialists: []string{"000004" + v.PeerC.String()}})
	nw.members.open(start.Mono, v.PeerB)
	s.Subscribe(start, nw, arp)
	check(f)
	s.Subscribe(start, nw, arp)
	check(f)
	s.Subscribe(start, nw, v6)
	check(f)
	s.announceAll(after(60000), nw)
	check(f)
	s.announceAll(after(60000), nw)
	check(f)
	s.Unsubscribe(after(60000), nw, v6)
	check(f)

	f, s, nw = v.node(t, Limits{}, vectorConfig{Flags: flags, MulticastLimit: 32, Private: true})
	for _, ms := range []clock.Mono{0, 500000, 500001} {
		s.pushIfNeeded(after(ms), nw, nw.members.open(after(ms).Mono, v.PeerB))
		check(f)
	}
	nw.lastConfig = after(600000).Mono
	s.pushIfNeeded(after(600001), nw, nw.members.open(after(600001).Mono, v.PeerB))
	check(f)
	in := vl1.Inbound{From: f.known[v.PeerB], Payload: v.NetworkID.Append(nil)}
	for _, ms := range []clock.Mono{600500, 601002} {
		s.HandleError(after(ms), wire.VerbFrame, wire.ErrorNeedMembershipCertificate, &in)
		check(f)
	}

	request := unhex(t, "00010800060400013eab2976ee980a9311050000000000000a931109")
	for _, ms := range []clock.Mono{0, 1} {
		s.SendFrame(after(ms), nw, nw.mac, identity.Broadcast, ether.TypeARP, request)
		check(f)
	}
	var members []byte
	for _, a := range []identity.Address{v.PeerB, v.PeerC, v.Self} {
		members = a.Append(members)
	}
	r := wire.GatherResult{Network: v.NetworkID, Group: identity.MulticastGroup{MAC: identity.Broadcast, ADI: 0x0a931109}, Total: 3, Members: members}
	s.HandleOK(after(2), wire.VerbMulticastGather, &vl1.Inbound{From: f.known[v.PeerB], Payload: r.Append(nil)})
	check(f)
	s.SendFrame(after(3), nw, nw.mac, identity.Broadcast, ether.TypeARP, request)
	check(f)

	f, s, nw = v.node(t, Limits{}, vectorConfig{Flags: flags, MulticastLimit: 1})
	g := identity.MulticastGroup{MAC: identity.Broadcast, ADI: 7}
	s.learnLike(start, groupKey{nw.id, g}, v.PeerB, true)
	s.multicast(start, nw, g, &frame{nw.mac, identity.Broadcast, ether.TypeARP, request}, false, 0)
	check(f)
	if next != len(v.OutgoingControl) {
		t.Errorf("%d of %d cases were run", next, len(v.OutgoingControl))
	}
}

func TestInboundVectors(t *testing.T) {
	t.Parallel()
	v := loadMulticast(t)
	now := start
	for _, q := range v.InboundSequences {
		limits := Limits{}
		if q.Name == "credentials-rate-limit" {
			limits.CredentialBurst = 1
		}
		begin := now
		now = v.runSequence(t, q.Name, limits, begin, nil)
		if q.Name == "credentials-rate-limit" {
			// Our default bucket takes the certificate that the reference ignores.
			v.runSequence(t, q.Name, Limits{}, begin, func(step int, want *expectedStep) {
				if step == 2 {
					want.delivered = []vectorFrame{{vectorMAC{0x3ee368c07cb8}, vectorMAC{0x3eab2976ee98}, 0x0800, "4500002012344000401100000a9311090a93110513880035000c000064617461"}}
					want.replies, want.held = nil, false
					want.sends = []vectorSend{{v.PeerB, wire.VerbMulticastLike, "b10ca2393e1a2b3cffffffffffff00000000"}}
				}
			})
		}
	}
}

// expectedStep is what a step of an inbound sequence must do.
type expectedStep struct {
	delivered      []vectorFrame
	replies, sends []vectorSend
	held           bool
}

// runSequence runs one sequence from an instant on and returns when it ends. own
// may change what is expected of a step.
func (v *multicastVectors) runSequence(t *testing.T, name string, limits Limits, now clock.Instant, own func(int, *expectedStep)) clock.Instant {
	for _, q := range v.InboundSequences {
		if q.Name != name {
			continue
		}
		f, s, nw := v.node(t, limits, q.vectorConfig)
		for i, st := range q.Steps {
			wait := 2000 * clock.Millisecond
			if name == "credentials-rate-limit" && i > 0 {
				wait = []clock.Mono{0, 500, 10}[i] * clock.Millisecond
			}
			now = now.Add(wait)
			if st.Step == "gather-own-subscription-returned" {
				s.Subscribe(now, nw, identity.MulticastGroup{MAC: identity.Broadcast, ADI: 0x0a931105})
				f.take()
			}
			want := expectedStep{st.DeliveredToHost, st.Replies, st.QueuedSends, st.HeldForRetry}
			if own != nil {
				own(i, &want)
			}
			id, err := strconv.ParseUint(st.PacketID, 16, 64)
			if err != nil {
				t.Fatal(err)
			}
			in := vl1.Inbound{From: f.known[st.From], ID: id, Payload: unhex(t, st.Payload)}
			t.Run(name+"/"+st.Step, func(t *testing.T) {
				var d vl1.Disposition
				if st.Verb == wire.VerbError {
					e, err := wire.ParseError(in.Payload)
					if err != nil {
						t.Fatal(err)
					}
					in.Payload, in.InReID = e.Body, e.InReID
					d = s.HandleError(now, e.InRe, e.Code, &in)
				} else {
					d = s.Handle(now, st.Verb, &in)
				}
				if (d == vl1.Held) != want.held {
					t.Errorf("disposition %v, held %v is wanted", d, want.held)
				}
				matchFrames(t, f.takeDelivered(), want.delivered)
				matchSends(t, "replies", f.takeReplies(), want.replies)
				matchSends(t, "sends", f.take(), want.sends)
			})
		}
		for _, r := range q.BridgeRoutesAfter {
			if via, ok := nw.BridgeRoute(r.MAC.MAC); !ok || via != r.Via {
				t.Errorf("%s: route of %v is %v, want %v", name, r.MAC, via, r.Via)
			}
		}
		if len(nw.hosts.at) != len(q.BridgeRoutesAfter) {
			t.Errorf("%s: %d routes, want %d", name, len(nw.hosts.at), len(q.BridgeRoutesAfter))
		}
		var got, want []string
		for k, g := range s.groups.groups {
			for _, l := range g.likes {
				got = append(got, fmt.Sprint(k.network, k.group.MAC, k.group.ADI, l.member))
			}
		}
		for _, m := range q.MulticastMembersAfter {
			if m.NWID != v.NetworkID {
				continue // not authorised there; the reference errs (spec 04 §18.1)
			}
			for _, a := range m.Members {
				want = append(want, fmt.Sprint(m.NWID, m.MAC.MAC, m.ADI, a))
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: members of groups\n got %v\nwant %v", name, got, want)
		}
	}
	return now
}
