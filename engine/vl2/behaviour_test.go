package vl2

import (
	"fmt"
	"slices"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/credential"
	"orrery/engine/identity"
	"orrery/engine/netconf"
	"orrery/engine/rule"
	"orrery/engine/vl1"
	"orrery/engine/wire"
)

const broadcastOn = "0000000000000002"

// TestRootServesEveryNetwork: a root stores and tells members of groups of
// networks that it has not joined.
func TestRootServesEveryNetwork(t *testing.T) {
	t.Parallel()
	v := loadMulticast(t)
	f, s, _ := v.node(t, Limits{LikesPerPeer: 3}, vectorConfig{Flags: broadcastOn, Private: true})
	const other identity.NetworkID = 0xdeadbeef00000001
	g := identity.MulticastGroup{MAC: identity.Broadcast, ADI: 5}
	like := vl1.Inbound{From: f.known[v.PeerB], Payload: wire.MulticastLike{Network: other, Group: g}.Append(nil)}
	ask := wire.MulticastGather{Network: other, Group: g, Limit: 10}
	gather := vl1.Inbound{From: f.known[v.PeerC], ID: 9, Payload: ask.Append(nil)}
	for _, root := range []bool{false, true} {
		f.root = root
		s.Handle(start, wire.VerbMulticastLike, &like)
		s.Handle(start, wire.VerbMulticastGather, &gather)
		want := map[bool]int{false: 0, true: 1}[root]
		if got := f.takeReplies(); len(got) != want {
			t.Errorf("root %v: replies %v", root, got)
		}
	}
	for i := range 10 {
		l := wire.MulticastLike{Network: other, Group: identity.MulticastGroup{MAC: identity.MAC(i)}}
		s.Handle(start, wire.VerbMulticastLike, &vl1.Inbound{From: f.known[v.PeerB], Payload: l.Append(nil)})
	}
	if s.groups.likes != 3 {
		t.Errorf("%d announcements of one peer are stored, want 3", s.groups.likes)
	}
	s.Leave(start, v.NetworkID)
	if s.groups.likes != 3 {
		t.Error("leaving a network lost what a root must know")
	}
}

// TestGatherAnswerFitsOneDatagram also shows that different members are named
// each time.
func TestGatherAnswerFitsOneDatagram(t *testing.T) {
	t.Parallel()
	v := loadMulticast(t)
	f, s, nw := v.node(t, Limits{}, vectorConfig{Flags: broadcastOn, MulticastLimit: 32})
	g := identity.MulticastGroup{MAC: identity.Broadcast}
	for i := range 1000 {
		s.learnLike(start, groupKey{nw.id, g}, identity.Address(0x100000+i), true)
	}
	s.learnLike(start, groupKey{nw.id, g}, v.PeerB, true)
	s.Subscribe(start, nw, g)
	f.take()
	named := map[identity.Address]bool{}
	for _, limit := range []uint32{1, 2, 5000, 5000, 5000} {
		q := wire.MulticastGather{Network: nw.id, Group: g, Limit: limit}
		s.Handle(start, wire.VerbMulticastGather, &vl1.Inbound{From: f.known[v.PeerB], Payload: q.Append(nil)})
		ok, err := wire.ParseOK(unhex(t, f.takeReplies()[0].Payload))
		if err != nil {
			t.Fatal(err)
		}
		r, err := wire.ParseGatherResult(ok.Body)
		if err != nil {
			t.Fatal(err)
		}
		if r.Total != 1002 || r.Members.Len() != int(min(limit, gatherReplyMembers)) || r.Members.At(0) != v.Self {
			t.Errorf("limit %d: %d of %d, first %v", limit, r.Members.Len(), r.Total, r.Members.At(0))
		}
		if n := wire.HeaderLen + wire.OKPrefixLen + len(ok.Body); n > wire.DefaultMTU {
			t.Errorf("answer is a packet of %d bytes", n)
		}
		distinct := map[identity.Address]bool{}
		for i := range r.Members.Len() {
			named[r.Members.At(i)], distinct[r.Members.At(i)] = true, true
		}
		if len(distinct) != r.Members.Len() || distinct[v.PeerB] {
			t.Error("a member is named twice, or who asks is")
		}
	}
	if len(named) < 500 {
		t.Errorf("only %d members were ever named", len(named))
	}
}

func TestQueuedMulticastExpires(t *testing.T) {
	t.Parallel()
	v := loadMulticast(t)
	f, s, nw := v.node(t, Limits{}, vectorConfig{Flags: broadcastOn, MulticastLimit: 2})
	k := groupKey{nw.id, identity.MulticastGroup{MAC: 0x01005e0000fb}}
	count := func() (n int) {
		for _, p := range f.take() {
			if p.Verb == wire.VerbMulticastFrame {
				n++
			}
		}
		return n
	}
	for i := range 40 {
		s.SendFrame(after(clock.Mono(i)), nw, nw.mac, k.group.MAC, 0x0800, []byte{byte(i)})
	}
	f.take()
	s.learnLike(after(100), k, v.PeerB, true)
	if n := count(); n != queuePerGroup {
		t.Errorf("%d frames reached a member found in time, want %d", n, queuePerGroup)
	}
	s.learnLike(after(200), k, v.PeerB, true)
	if n := count(); n != 0 {
		t.Errorf("%d frames were sent again", n)
	}
	s.learnLike(after(300), k, v.PeerC, true)
	if n := count(); n != queuePerGroup {
		t.Errorf("%d frames reached the second member, want %d", n, queuePerGroup)
	}
	s.learnLike(after(400), k, 0x1234567890, true)
	if n := count(); n != 0 {
		t.Errorf("%d frames went beyond the limit", n)
	}
	k.group.MAC = 0x01005e0000fc
	s.SendFrame(after(1000), nw, nw.mac, k.group.MAC, 0x0800, []byte("late"))
	f.take()
	s.learnLike(after(6000), k, v.PeerB, true)
	if n := count(); n != 0 || s.groups.queued != 0 {
		t.Errorf("%d frames were sent after their time, %d queued", n, s.groups.queued)
	}
}

func TestMulticastAtLimitIsRandom(t *testing.T) {
	t.Parallel()
	v := loadMulticast(t)
	f, s, nw := v.node(t, Limits{}, vectorConfig{Flags: broadcastOn, MulticastLimit: 4, Specialists: []string{"000002" + v.PeerC.String()}})
	k := groupKey{nw.id, identity.MulticastGroup{MAC: 0x01005e0000fb}}
	for i := range 20 {
		s.learnLike(start, k, identity.Address(0x100000+i), true)
	}
	reached := map[identity.Address]int{}
	for range 50 {
		s.SendFrame(start, nw, nw.mac, k.group.MAC, 0x0800, []byte("x"))
		out := f.take()
		if len(out) != 4 || out[0].To != v.PeerC {
			t.Fatalf("sent %v", out)
		}
		for _, p := range out {
			reached[p.To]++
		}
	}
	if len(reached) != 21 {
		t.Errorf("%d of 21 members were ever reached", len(reached))
	}
}

func TestReplicatorIsChosenByLatency(t *testing.T) {
	t.Parallel()
	v := loadMulticast(t)
	f, s, nw := v.node(t, Limits{}, vectorConfig{Flags: broadcastOn, MulticastLimit: 32,
		Specialists: []string{"00000a" + v.PeerB.String(), "00000a" + v.PeerC.String(), "0000080000000001"}})
	s.learnLike(start, groupKey{nw.id, identity.MulticastGroup{MAC: 0x01005e0000fb}}, v.PeerB, true)
	send := func() []sent {
		s.SendFrame(start, nw, nw.mac, 0x01005e0000fb, 0x0800, []byte("x"))
		return slices.DeleteFunc(f.take(), func(p sent) bool { return p.Verb != wire.VerbMulticastFrame })
	}
	if out := send(); len(out) != 2 || out[0].Payload[16:18] != "02" || out[1].Payload[16:18] != "02" {
		t.Errorf("without a direct replicator sent %v", out)
	}
	// The third is the nearest, but nobody would take others' frames from it.
	f.latency = map[identity.Address]int{v.PeerB: 30, v.PeerC: 20, 1: 1}
	if out := send(); len(out) != 1 || out[0].To != v.PeerC || out[0].Payload[16:18] != "0c" {
		t.Errorf("sent %v", out)
	}
	if got := s.AlwaysContact([]identity.Address{7}); !slices.Equal(got, []identity.Address{7, 1, v.PeerC, v.PeerB}) {
		t.Errorf("to be kept in contact: %v", got)
	}
}

func TestUnwantedMulticast(t *testing.T) {
	t.Parallel()
	v := loadMulticast(t)
	f, s, nw := v.node(t, Limits{}, vectorConfig{Flags: broadcastOn, MulticastLimit: 32})
	g := identity.MulticastGroup{MAC: 0x01005e0000fb}
	m := wire.MulticastFrame{Network: nw.id, Group: g, EtherType: 0x0800, Data: []byte("x")}
	in := vl1.Inbound{From: f.known[v.PeerB], ID: 3, Payload: m.Append(nil)}
	errorsAt := func(ms clock.Mono) int {
		s.Handle(after(ms), wire.VerbMulticastFrame, &in)
		return len(f.takeReplies())
	}
	if errorsAt(0) != 0 {
		t.Error("told of a group that we never had")
	}
	s.Subscribe(start, nw, g)
	s.Unsubscribe(start, nw, g)
	if errorsAt(1000) != 1 || errorsAt(2000) != 0 || errorsAt(11000) != 1 {
		t.Error("told too rarely or too often of a group that we left")
	}
	s.Subscribe(after(12000), nw, g)
	if errorsAt(30000) != 0 {
		t.Error("told of a group that we joined again")
	}
	if got := nw.Groups(); !slices.Equal(got, []identity.MulticastGroup{g}) {
		t.Errorf("groups are %v", got)
	}
}

// TestSplitCredentials: what does not fit one packet follows after a second, as
// receivers take one packet a second.
func TestSplitCredentials(t *testing.T) {
	t.Parallel()
	v := loadMulticast(t)
	f, s, nw := v.node(t, Limits{}, vectorConfig{Flags: broadcastOn, Private: true})
	c := *nw.config
	for i := range 128 {
		tag := c.Tags[0]
		tag.ID = uint32(1000 + i)
		c.Tags = append(c.Tags, tag)
	}
	s.setConfig(nw, &c)
	s.lastPass, s.lastClean = start.Mono, start.Mono
	s.SendFrame(start, nw, nw.mac, identity.MACOf(nw.id, v.PeerB), 0x0800, []byte("x"))
	out := f.take()
	if len(out) != 2 || out[0].Verb != wire.VerbNetworkCredentials || out[1].Verb != wire.VerbFrame {
		t.Fatalf("sent %v", out)
	}
	if d := s.Deadline(); d != after(1100).Mono {
		t.Errorf("deadline is %v", d-start.Mono)
	}
	for _, step := range []struct {
		ms clock.Mono
		n  int
	}{{1000, 0}, {1100, 1}, {1500, 0}, {2500, 0}} {
		s.Tick(after(step.ms))
		n := 0
		for _, p := range f.take() {
			if p.Verb == wire.VerbNetworkCredentials {
				n++
				if len(p.Payload)/2 > maxPayload {
					t.Errorf("a push of %d bytes", len(p.Payload)/2)
				}
			}
		}
		if n != step.n {
			t.Errorf("at %d ms %d packets, want %d", step.ms, n, step.n)
		}
	}
	// A new configuration in between starts over.
	s.push(after(3000), nw, nw.members.get(v.PeerB))
	c2 := c
	c2.Tags = nil
	s.setConfig(nw, &c2)
	f.take()
	s.Tick(after(4200))
	if nw.pushing || nw.members.get(v.PeerB).pending != 0 {
		t.Error("the rest of an old push is still to be sent")
	}
}

func TestCertificatesAreNotForAnyone(t *testing.T) {
	t.Parallel()
	v := loadMulticast(t)
	f, s, nw := v.node(t, Limits{}, vectorConfig{Flags: broadcastOn, Private: true})
	in := vl1.Inbound{From: f.known[v.PeerC], Payload: nw.id.Append(nil)}
	s.HandleError(start, wire.VerbFrame, wire.ErrorNeedMembershipCertificate, &in)
	if out := f.take(); len(out) != 0 {
		t.Errorf("a stranger that asked was sent %v", out)
	}
	s.SendFrame(start, nw, nw.mac, identity.MACOf(nw.id, v.PeerC), 0x0800, []byte("x"))
	f.take()
	s.HandleError(after(61000), wire.VerbFrame, wire.ErrorNeedMembershipCertificate, &in)
	if out := f.take(); len(out) != 0 {
		t.Errorf("one that asked long after was sent %v", out)
	}
	s.HandleError(after(59000), wire.VerbFrame, wire.ErrorNeedMembershipCertificate, &in)
	if out := f.take(); len(out) != 1 {
		t.Errorf("one that had a frame was sent %v", out)
	}
}

func TestLeave(t *testing.T) {
	t.Parallel()
	v := loadMulticast(t)
	f, s, nw := v.node(t, Limits{}, vectorConfig{Flags: broadcastOn, MulticastLimit: 32})
	if s.Join(start, v.NetworkID, nil) != nw || s.Network(v.NetworkID) != nw || !slices.Equal(s.Networks(), []*Network{nw}) {
		t.Fatal("joining twice is not joining once")
	}
	s.learnLike(start, groupKey{nw.id, identity.MulticastGroup{MAC: 1}}, v.PeerB, true)
	s.Leave(start, v.NetworkID)
	s.Leave(start, v.NetworkID)
	if conf, ok := f.stored[v.NetworkID]; !ok || conf != nil {
		t.Error("the file was not deleted")
	}
	f.take()
	s.SendFrame(start, nw, nw.mac, identity.Broadcast, 0x0800, []byte("x"))
	s.Subscribe(start, nw, identity.MulticastGroup{MAC: 7})
	s.Tick(after(10000))
	if out := f.take(); len(out) != 0 || s.groups.likes != 0 || s.Network(v.NetworkID) != nil {
		t.Errorf("after leaving sent %v", out)
	}
	for _, c := range []struct {
		verb wire.Verb
		want vl1.Disposition
	}{
		{wire.VerbFrame, vl1.Received}, {wire.VerbExtFrame, vl1.Received}, {wire.VerbMulticastFrame, vl1.Dropped},
		{wire.VerbNetworkConfig, vl1.Received}, {wire.VerbMulticastGather, vl1.Received},
	} {
		in := vl1.Inbound{From: f.known[v.PeerB], Payload: append(nw.id.Append(nil), make([]byte, 40)...)}
		if d := s.Handle(start, c.verb, &in); d != c.want {
			t.Errorf("%v of a network left is %v, want %v", c.verb, d, c.want)
		}
	}
}

func TestPortError(t *testing.T) {
	t.Parallel()
	v := loadMulticast(t)
	f, s, nw := v.node(t, Limits{}, vectorConfig{Flags: broadcastOn})
	s.SetPortError(start, nw, -2)
	s.SetPortError(start, nw, -2)
	if nw.Status() != StatusPortError || nw.PortError() != -2 || len(f.changes) != 1 {
		t.Errorf("status %v, code %d, changes %v", nw.Status(), nw.PortError(), f.changes)
	}
	s.SetPortError(start, nw, 0)
	if nw.Status() != StatusOK {
		t.Errorf("status %v", nw.Status())
	}
}

// TestBridgeFlood: a frame for an unknown host goes to all bridges, or to a
// random choice if there are many.
func TestBridgeFlood(t *testing.T) {
	t.Parallel()
	v := loadMulticast(t)
	c := vectorConfig{Flags: broadcastOn, MulticastLimit: 32}
	for i := range 40 {
		c.Specialists = append(c.Specialists, fmt.Sprintf("0000020000%06x", 0x100+i))
	}
	f, s, nw := v.node(t, Limits{}, c)
	reached := map[identity.Address]bool{}
	for range 20 {
		s.SendFrame(start, nw, nw.mac, 0x020000000099, 0x0800, []byte("x"))
		out := f.take()
		distinct := map[identity.Address]bool{}
		for _, p := range out {
			distinct[p.To], reached[p.To] = true, true
		}
		if len(out) != floodFanOut || len(distinct) != floodFanOut {
			t.Fatalf("%d packets to %d bridges", len(out), len(distinct))
		}
	}
	if len(reached) != 40 {
		t.Errorf("%d of 40 bridges were ever reached", len(reached))
	}
	// A route through a node that is no bridge any more does not count.
	nw.hosts.learn(start.Mono, 0x020000000099, v.PeerB)
	s.SendFrame(start, nw, nw.mac, 0x020000000099, 0x0800, []byte("x"))
	if len(f.take()) != floodFanOut {
		t.Error("an outdated route was used")
	}
}

// TestLocalController: our own controller lets whom it authorised announce and
// ask, before it has shown us a certificate.
func TestLocalController(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	k := newIssuer(l)
	b := l.add("peerB", false, nil)
	trusting := *k
	k.st.sw.cfg.LocalController = authorizer{&trusting, b.secret.Address}
	g := identity.MulticastGroup{MAC: identity.Broadcast, ADI: 1}
	own := wire.MulticastLike{Network: k.id, Group: g}.Append(nil)
	foreign := wire.MulticastLike{Network: k.id ^ 1<<40, Group: g}.Append(own)
	k.st.sw.Handle(start, wire.VerbMulticastLike, &vl1.Inbound{From: b.secret.Identity, Payload: foreign})
	k.st.sw.Handle(start, wire.VerbMulticastLike, &vl1.Inbound{From: k.st.secret.Identity, Payload: own})
	if k.st.sw.groups.likes != 1 {
		t.Errorf("%d announcements stored, want 1", k.st.sw.groups.likes)
	}
	// Revocations that it issues count here too.
	nw := k.st.sw.Join(start, k.id, nil)
	v := credential.Revocation{Network: k.id, Threshold: start.Wall, Target: b.secret.Address, Type: credential.TypeMembership}
	v.Sign(k.st.secret)
	k.st.known[k.st.secret.Address] = k.st.secret.Identity
	bundle := credential.Bundle{Revocations: []credential.Revocation{v}}
	k.st.sw.LocalCredentials(start, bundle.Append(nil))
	if m := nw.members.get(b.secret.Address); m == nil || m.proof.Threshold() != start.Wall {
		t.Error("the revocation was not taken")
	}
}

// authorizer is an issuer that authorised one node.
type authorizer struct {
	*issuer
	who identity.Address
}

func (a authorizer) Authorized(_ clock.Instant, _ identity.NetworkID, x identity.Address) bool {
	return x == a.who
}

// TestForgedCredentialsCostNothing: memberships are made for what verified only.
func TestForgedCredentialsCostNothing(t *testing.T) {
	t.Parallel()
	v := loadMulticast(t)
	f, s, nw := v.node(t, Limits{}, vectorConfig{Flags: broadcastOn, Private: true})
	var b credential.Bundle
	for i := range 5 {
		to := identity.Address(0x200000 + i)
		com := credential.NewMembership(nw.id, identity.Identity{Address: to}, start.Wall, 1800000)
		com.Signer = nw.controller
		b.Memberships = append(b.Memberships, com)
		b.Tags = append(b.Tags, credential.Tag{Network: nw.id, ID: 1, IssuedTo: to, SignedBy: nw.controller})
		b.Ownerships = append(b.Ownerships, credential.Ownership{Network: nw.id, ID: 1, IssuedTo: to, SignedBy: nw.controller})
		b.Revocations = append(b.Revocations, credential.Revocation{Network: nw.id, Target: to, SignedBy: nw.controller, Type: 1, Threshold: 1})
		b.Capabilities = append(b.Capabilities, credential.Capability{Network: nw.id, ID: 1, MaxCustody: 1,
			Custody: []credential.Custody{{To: to, From: nw.controller}}, Rules: []rule.Rule{{Type: rule.ActionAccept}}})
	}
	in := vl1.Inbound{From: f.known[v.PeerB], Payload: b.Append(nil)}
	if d := s.Handle(start, wire.VerbNetworkCredentials, &in); d != vl1.Received {
		t.Errorf("disposition %v", d)
	}
	if got := nw.Members(); len(got) != 0 || len(f.retried) != 0 {
		t.Errorf("memberships of %v, retried %v", got, f.retried)
	}
}

// TestInside keeps VL1 off the subnets that it carries.
func TestInside(t *testing.T) {
	t.Parallel()
	v := loadMulticast(t)
	_, s, nw := v.node(t, Limits{}, vectorConfig{Flags: broadcastOn, StaticIPs: []string{"10.147.17.5/24"}})
	for ip, want := range map[string]bool{"10.147.17.200": true, "10.147.18.1": false, "::1": false} {
		if got := s.Inside(mustAddr(ip)); got != want {
			t.Errorf("%s: %v", ip, got)
		}
	}
	nw.config = nil
	if s.Inside(mustAddr("10.147.17.200")) {
		t.Error("inside a network without configuration")
	}
}

// TestLowBandwidth stretches what is periodic.
func TestLowBandwidth(t *testing.T) {
	t.Parallel()
	v := loadMulticast(t)
	f, s, nw := v.node(t, Limits{}, vectorConfig{Flags: broadcastOn, MulticastLimit: 32})
	s.cfg.LowBandwidth = true
	for ms := clock.Mono(0); ms < 3600_000; ms += 500 {
		s.Tick(after(ms))
	}
	if out := f.take(); len(out) != 0 {
		t.Errorf("in an hour sent %v", out)
	}
	s.SetToken(start, nw, "sesame")
	s.RequestConfig(after(0), nw)
	out := f.take()
	r, err := wire.ParseNetworkConfigRequest(unhex(t, out[0].Payload))
	if err != nil {
		t.Fatal(err)
	}
	if m := netconf.ParseMetadata(wire.ParseDictionary(r.Metadata, 0)); m.Token != "sesame" || m.RulesEngine != 1 {
		t.Errorf("metadata %+v", m)
	}
}

// TestControllerUnknown: what needs the controller's key is held until that is
// known, be it a configuration or a certificate.
func TestControllerUnknown(t *testing.T) {
	t.Parallel()
	c := new(configVectors)
	loadVectors(t, "netconf.json", c)
	f, s, nw := c.node(t)
	controller := f.known[c.NetworkID.Controller()]
	delete(f.known, controller.Address)
	s.cfg.RetryHeld = func(_ clock.Instant, a identity.Address) { f.retried = append(f.retried, a) }
	var b identity.Identity
	for _, p := range c.Identities {
		if p.Role == "peerB" {
			b = p.identity(t)
		}
	}
	in := vl1.Inbound{From: b, ID: 4, Payload: unhex(t, c.Reception[0].Steps[0].body(c))}
	for range 2 { // a retry does not wait twice
		if d := s.Handle(start, wire.VerbNetworkConfig, &in); d != vl1.Held || nw.Config() != nil {
			t.Fatalf("disposition %v", d)
		}
	}
	if len(s.waiting) != 1 || !slices.Equal(f.asked, []identity.Address{controller.Address, controller.Address}) {
		t.Errorf("waiting for %v, asked for %v", s.waiting, f.asked)
	}
	s.PeerLearned(start, b)
	f.known[controller.Address] = controller
	s.PeerLearned(after(1), controller)
	if !slices.Equal(f.retried, []identity.Address{b.Address}) || len(s.waiting) != 0 {
		t.Errorf("retried %v", f.retried)
	}
	if d := s.Handle(after(1), wire.VerbNetworkConfig, &in); d != vl1.Received || nw.Config() == nil {
		t.Errorf("disposition %v once the controller is known", d)
	}

	// A certificate attached to a frame asks too; the frame is held by the gate.
	v := loadMulticast(t)
	f, s, nw = v.node(t, Limits{}, vectorConfig{Flags: broadcastOn, Private: true})
	delete(f.known, nw.controller)
	ext := v.InboundSequences[1].Steps[0]
	in = vl1.Inbound{From: f.known[v.PeerB], ID: 5, Payload: unhex(t, ext.Payload)}
	if d := s.Handle(start, ext.Verb, &in); d != vl1.Held || !slices.Equal(f.asked, []identity.Address{nw.controller}) {
		t.Errorf("disposition %v, asked for %v", d, f.asked)
	}
	f.known[nw.controller] = controller
	if d := s.Handle(after(500), ext.Verb, &in); d != vl1.Trusted || len(f.takeDelivered()) != 1 {
		t.Errorf("disposition %v once the controller is known", d)
	}
	if !slices.Equal(f.retried, []identity.Address{v.PeerB}) {
		t.Errorf("retried %v", f.retried)
	}
}

// TestHostAnswersAtOnce: a host may send while it has a frame, whichever way the
// frame came, and both frames stay whole.
func TestHostAnswersAtOnce(t *testing.T) {
	t.Parallel()
	v := loadMulticast(t)
	for _, c := range v.LocalEthernet {
		f, s, nw := v.node(t, Limits{}, c.Config)
		busy := false
		f.answer = func(at clock.Instant, nw *Network, _ []byte) {
			if !busy {
				busy = true
				s.SendFrame(at, nw, nw.mac, 0x01005e000001, 0x0800, []byte("answer"))
				s.SendFrame(at, nw, nw.mac, identity.MACOf(nw.id, v.PeerC), 0x0800, []byte("answer"))
			}
		}
		s.SendFrame(start, nw, c.From.MAC, c.To.MAC, c.EtherType, unhex(t, c.Frame))
		matchFrames(t, f.takeDelivered(), c.InjectedToHost)
		for _, verb := range []wire.Verb{wire.VerbFrame, wire.VerbExtFrame, wire.VerbMulticastFrame} {
			busy = false
			f.take()
			payload := wire.AppendFrameHead(nil, nw.id, 0x0800)
			switch verb {
			case wire.VerbExtFrame:
				payload = wire.AppendExtFrameHead(nil, nw.id, wire.ExtFrameAcknowledge, nw.mac, identity.MACOf(nw.id, v.PeerB), 0x0800)
			case wire.VerbMulticastFrame:
				m := wire.MulticastFrame{Network: nw.id, Group: identity.MulticastGroup{MAC: 0x01005e000002}, EtherType: 0x0800}
				payload = m.Append(nil)
			}
			in := vl1.Inbound{From: f.known[v.PeerB], ID: 1, Payload: append(payload, "question"...)}
			s.Handle(start, verb, &in)
			if got := f.takeDelivered(); nw.config.MulticastLimit > 0 && (len(got) != 1 || got[0].payload != "7175657374696f6e") {
				t.Errorf("%s, %v: delivered %v", c.Name, verb, got)
			}
			if busy && !slices.ContainsFunc(f.take(), func(p sent) bool {
				return p.To == v.PeerC && p.Verb == wire.VerbFrame && p.Payload == "b10ca2393e1a2b3c0800616e73776572"
			}) {
				t.Errorf("%s, %v: the answer did not leave", c.Name, verb)
			}
		}
	}
}
