package vl2

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/netconf"
	"orrery/engine/rule"
	"orrery/engine/vl1"
	"orrery/engine/wire"
)

// configVectors is testdata/netconf.json, as far as it is of use here.
type configVectors struct {
	NetworkID     identity.NetworkID
	Identities    []party
	ChunkMessages []struct{ Payloads []string } `json:"chunk_messages"`
	Reception     []struct {
		Name  string
		Steps []chunkStep
	} `json:"chunk_reception"`
	AdHoc []struct {
		NetworkID identity.NetworkID
		Address   identity.Address
		MAC       vectorMAC
		HasConfig bool
		Status    Status
		Config    struct {
			Timestamp      clock.Wall
			Name           string
			Flags          string
			MulticastLimit uint32
			MTU            int
			Specialists    []string
			StaticIPs      []string
			Rules          string
		}
	}
}

type chunkStep struct {
	From                 identity.Address
	Payload, PayloadFull string
	BigChunkIndex        int
	ReturnsUpdateID      string
	Exception            bool
	HasConfigAfter       bool
	ConfigTimestampAfter clock.Wall
	RuleCountAfter       int
	Relayed              []vectorSend
}

// body is the chunk that the step feeds.
func (c *chunkStep) body(v *configVectors) string {
	switch {
	case c.Payload != "@":
		return c.Payload
	case c.PayloadFull != "":
		return c.PayloadFull
	}
	return v.ChunkMessages[2].Payloads[c.BigChunkIndex]
}

func (v *configVectors) node(t testing.TB) (*fake, *Switch, *Network) {
	var self identity.Identity
	var others []identity.Identity
	for _, p := range v.Identities {
		switch p.Role {
		case "self":
			self = p.identity(t)
		case "unknown_to_node":
		default:
			others = append(others, p.identity(t))
		}
	}
	f := newFake(self, others...)
	s := New(Config{Link: f, Sink: f})
	nw := s.Join(start, v.NetworkID, nil)
	for _, id := range others {
		nw.members.open(start.Mono, id.Address) // the recipients of what is passed on
	}
	f.take()
	return f, s, nw
}

// TestChunkReceptionVectors feeds every sequence twice: as pushes, where an older
// configuration is refused and complete ones are acknowledged, and as answers to
// a request of ours.
func TestChunkReceptionVectors(t *testing.T) {
	t.Parallel()
	v := new(configVectors)
	loadVectors(t, "netconf.json", v)
	for _, c := range v.Reception {
		for _, answer := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/answer=%v", c.Name, answer), func(t *testing.T) {
				f, s, nw := v.node(t)
				for i, st := range c.Steps {
					if c.Name == "older-timestamp-still-replaces" && i == 1 && !answer {
						// Our own rule (spec 04 §4.4): a push must not go back in time.
						st.ConfigTimestampAfter = c.Steps[0].ConfigTimestampAfter
						st.RuleCountAfter = c.Steps[0].RuleCountAfter
					}
					if c.Name == "legacy-unsigned-from-controller" {
						// Ours too: what is not signed is refused, whoever sends it.
						st.ReturnsUpdateID, st.HasConfigAfter = "0", false
					}
					if answer {
						s.RequestConfig(after(1), nw)
						f.take()
					}
					v.runChunk(t, f, s, nw, &st, answer)
				}
			})
		}
	}
}

func (v *configVectors) runChunk(t *testing.T, f *fake, s *Switch, nw *Network, st *chunkStep, answer bool) {
	t.Helper()
	in := vl1.Inbound{From: f.known[st.From], ID: 0x77, Payload: unhex(t, st.body(v))}
	var d vl1.Disposition
	if answer {
		d = s.HandleOK(after(1), wire.VerbNetworkConfigRequest, &in)
	} else {
		d = s.Handle(after(1), wire.VerbNetworkConfig, &in)
	}
	if (d == vl1.Dropped) != st.Exception {
		t.Errorf("disposition %v, dropped %v is wanted", d, st.Exception)
	}
	update, err := strconv.ParseUint(st.ReturnsUpdateID, 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	var acks []vectorSend
	if update != 0 && !answer {
		ack := wire.ConfigAck{Network: nw.id, UpdateID: update}
		acks = []vectorSend{{st.From, wire.VerbOK, hex.EncodeToString(ack.Append(wire.AppendOK(nil, wire.VerbEcho, 0x77)))}}
	}
	matchSends(t, "replies", f.takeReplies(), acks)
	// Unlike the reference we announce our groups with the first configuration.
	relayed := slices.DeleteFunc(f.take(), func(p sent) bool { return p.Verb == wire.VerbMulticastLike })
	matchSends(t, "relayed", relayed, st.Relayed)
	c := nw.Config()
	if (c != nil) != st.HasConfigAfter {
		t.Fatalf("configuration held: %v, want %v", c != nil, st.HasConfigAfter)
	}
	if c != nil && (c.Timestamp != st.ConfigTimestampAfter || len(c.Rules) != st.RuleCountAfter) {
		t.Errorf("timestamp %d with %d rules, want %d with %d", c.Timestamp, len(c.Rules), st.ConfigTimestampAfter, st.RuleCountAfter)
	}
}

func TestAdHocVectors(t *testing.T) {
	t.Parallel()
	v := new(configVectors)
	loadVectors(t, "netconf.json", v)
	for _, c := range v.AdHoc {
		t.Run(c.NetworkID.String(), func(t *testing.T) {
			f, s, _ := v.node(t)
			s.Leave(start, v.NetworkID)
			nw := s.Join(start, c.NetworkID, nil)
			if nw.MAC() != c.MAC.MAC || nw.Status() != c.Status || (nw.Config() != nil) != c.HasConfig {
				t.Fatalf("MAC %v, status %v, configured %v; want %v, %v, %v", nw.MAC(), nw.Status(), nw.Config() != nil, c.MAC, c.Status, c.HasConfig)
			}
			if got := f.take(); len(got) != 0 {
				t.Errorf("sent %v", got)
			}
			if string(f.stored[c.NetworkID]) != "\n" {
				t.Errorf("file holds %q, want a newline", f.stored[c.NetworkID])
			}
			// Nothing is remade, and nobody is contacted for it, as time passes.
			before := nw.Config()
			for ms := clock.Mono(500); ms < 200000; ms += 500 {
				s.Tick(after(ms))
			}
			for _, p := range f.take() {
				if p.Verb != wire.VerbMulticastLike || p.To.Reserved() {
					t.Errorf("sent %v", p)
				}
			}
			if nw.Config() != before {
				t.Error("configuration was remade")
			}
			if !c.HasConfig {
				return
			}
			conf := nw.Config()
			var addresses []netip.Prefix
			for _, a := range c.Config.StaticIPs {
				addresses = append(addresses, netip.MustParsePrefix(a))
			}
			if !slices.Equal(conf.Addresses, addresses) || conf.Name != c.Config.Name || conf.MTU != c.Config.MTU ||
				conf.MulticastLimit != c.Config.MulticastLimit || conf.Timestamp != c.Config.Timestamp ||
				hex.EncodeToString(rule.Append(nil, conf.Rules)) != c.Config.Rules {
				t.Errorf("configuration is %+v, want %+v", conf, c.Config)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	v := new(configVectors)
	loadVectors(t, "netconf.json", v)
	page := func(dict string) []byte {
		b := binary.BigEndian.AppendUint16(v.NetworkID.Append(nil), uint16(len(dict)))
		return append(b, dict...)
	}
	id := v.NetworkID.Append(nil)
	for _, c := range []struct {
		name string
		from string
		inRe wire.Verb
		code wire.ErrorCode
		body []byte
		want Status
		auth Authentication
		d    vl1.Disposition
	}{
		{"not found", "controller", wire.VerbNetworkConfigRequest, wire.ErrorObjectNotFound, id, StatusNotFound, Authentication{}, vl1.Received},
		{"no controller", "controller", wire.VerbNetworkConfigRequest, wire.ErrorUnsupportedOperation, id, StatusNotFound, Authentication{}, vl1.Received},
		{"other verb", "controller", wire.VerbWhois, wire.ErrorObjectNotFound, id, 0, Authentication{}, vl1.Received},
		{"denied", "controller", wire.VerbNOP, wire.ErrorNetworkAccessDenied, id, StatusAccessDenied, Authentication{}, vl1.Received},
		{"denied by a member", "peerB", wire.VerbNOP, wire.ErrorNetworkAccessDenied, id, 0, Authentication{}, vl1.Received},
		{"truncated", "controller", wire.VerbNOP, wire.ErrorNetworkAccessDenied, id[:7], 0, Authentication{}, vl1.Dropped},
		{"other network", "controller", wire.VerbNOP, wire.ErrorNetworkAccessDenied, make([]byte, 8), 0, Authentication{}, vl1.Received},
		{"no page", "controller", wire.VerbNOP, wire.ErrorNetworkAuthenticationRequired, id, StatusAuthenticationRequired, Authentication{}, vl1.Received},
		{"empty page", "controller", wire.VerbNOP, wire.ErrorNetworkAuthenticationRequired, page("aU="), StatusAuthenticationRequired, Authentication{}, vl1.Received},
		{"page", "controller", wire.VerbNOP, wire.ErrorNetworkAuthenticationRequired, page("aU=https://x/?a\\eb"),
			StatusAuthenticationRequired, Authentication{URL: "https://x/?a=b"}, vl1.Received},
		{"page that is no page", "controller", wire.VerbNOP, wire.ErrorNetworkAuthenticationRequired, page("aU=file:///etc"),
			StatusAuthenticationRequired, Authentication{}, vl1.Received},
		{"openid", "controller", wire.VerbNOP, wire.ErrorNetworkAuthenticationRequired,
			page("aV=1\niU=https://i\naCU=https://c\naN=n\naS=s\naCID=d"), StatusAuthenticationRequired,
			Authentication{Version: 1, Issuer: "https://i", CentralURL: "https://c", Nonce: "n", State: "s", ClientID: "d", Provider: "default"}, vl1.Received},
		{"unknown version", "controller", wire.VerbNOP, wire.ErrorNetworkAuthenticationRequired, page("aV=2\naU=https://x"), 0, Authentication{}, vl1.Received},
		{"length beyond the end", "controller", wire.VerbNOP, wire.ErrorNetworkAuthenticationRequired, append(id[:8:8], 0, 9, 'a'), 0, Authentication{}, vl1.Received},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, s, nw := v.node(t)
			in := vl1.Inbound{Payload: c.body}
			for _, p := range v.Identities {
				if p.Role == c.from {
					in.From = f.known[p.Address]
				}
			}
			d := s.HandleError(after(1), c.inRe, c.code, &in)
			if d != c.d || nw.Status() != c.want || nw.Authentication() != c.auth {
				t.Errorf("disposition %v, status %v, %+v; want %v, %v, %+v", d, nw.Status(), nw.Authentication(), c.d, c.want, c.auth)
			}
			if c.want != 0 && !slices.Equal(f.changes, []Status{c.want}) {
				t.Errorf("changes reported: %v", f.changes)
			}
		})
	}
}

// TestRefusedMemberKeepsItsConfig: a controller's refusal must not cut a network
// that works, and a new configuration ends it.
func TestRefusedMemberKeepsItsConfig(t *testing.T) {
	t.Parallel()
	v := new(configVectors)
	loadVectors(t, "netconf.json", v)
	f, s, nw := v.node(t)
	controller := f.known[v.NetworkID.Controller()]
	chunk := func(i int) *vl1.Inbound {
		return &vl1.Inbound{From: controller, Payload: unhex(t, v.Reception[i].Steps[0].body(v))}
	}
	s.Handle(after(1), wire.VerbNetworkConfig, chunk(0))
	s.HandleError(after(2), wire.VerbNetworkConfigRequest, wire.ErrorNetworkAccessDenied, &vl1.Inbound{From: controller, Payload: v.NetworkID.Append(nil)})
	if nw.Status() != StatusAccessDenied || nw.Config() == nil {
		t.Fatalf("status %v, configured %v", nw.Status(), nw.Config() != nil)
	}
	text := nw.Config().Append(nil)
	if got := f.stored[nw.id]; string(got) != string(text) {
		t.Errorf("stored %q, want %q", got, text)
	}
	// The same configuration again clears the refusal, although nothing changes.
	held := nw.Config()
	s.offerConfig(after(3), nw, held, true, nw.controller)
	if nw.Status() != StatusOK || nw.Config() != held {
		t.Errorf("status %v after the same configuration", nw.Status())
	}
	// What was stored brings the network up again, and asks for a fresh one.
	f2 := newFake(f.self)
	s2 := New(Config{Link: f2, Sink: f2})
	nw2 := s2.Join(start, nw.id, text)
	if nw2.Status() != StatusOK || nw2.LastConfig() != clock.Never || len(f2.take()) != 1 || f2.stored[nw.id] != nil {
		t.Errorf("cached configuration was not taken as it should")
	}
}

func TestRequestSchedule(t *testing.T) {
	t.Parallel()
	v := new(configVectors)
	loadVectors(t, "netconf.json", v)
	f, s, nw := v.node(t)
	requests := func(from, to clock.Mono) (at []clock.Mono) {
		for ms := from; ms < to; ms += 500 {
			s.Tick(after(ms))
			for _, p := range f.take() {
				if p.Verb == wire.VerbNetworkConfigRequest {
					at = append(at, ms)
				}
			}
			if d := s.Deadline(); d <= after(ms).Mono {
				t.Fatalf("deadline %v is not after the tick at %v", d, after(ms).Mono)
			}
		}
		return at
	}
	if got := requests(500, 16000); !slices.Equal(got, []clock.Mono{1500, 3000, 4500, 9500, 14500}) {
		t.Errorf("without a configuration asked at %v", got)
	}
	c, ok := netconf.AdHoc(0xff0a000000000001, f.self.Address, start.Wall)
	if !ok {
		t.Fatal("no configuration")
	}
	conf := *c
	conf.Network = nw.id
	s.takeConfig(after(16000), nw, &conf)
	if got := requests(16000, 90000); !slices.Equal(got, []clock.Mono{76000, 77500, 79000, 80500, 85500}) {
		t.Errorf("with a configuration asked at %v", got)
	}
	s.fail(after(90000), nw, StatusAccessDenied, Authentication{})
	got := requests(90000, 240000)
	if n := len(got); n < 13 || got[1]-got[0] != 1500 || got[6]-got[5] != 5000 || got[n-1]-got[n-2] != 30000 {
		t.Errorf("when refused asked at %v", got)
	}
}

func TestConfigRequestsToUs(t *testing.T) {
	t.Parallel()
	v := new(configVectors)
	loadVectors(t, "netconf.json", v)
	f, s, nw := v.node(t)
	r := netconf.Request(0x803348d73a000001, []byte("v=7"), nil)
	in := vl1.Inbound{From: f.known[v.NetworkID.Controller()], ID: 5, Payload: r.Append(nil)}
	if d := s.Handle(start, wire.VerbNetworkConfigRequest, &in); d != vl1.Received {
		t.Errorf("disposition %v", d)
	}
	want := hex.EncodeToString(r.Network.Append(wire.AppendError(nil, wire.VerbNetworkConfigRequest, 5, wire.ErrorUnsupportedOperation)))
	matchSends(t, "replies", f.takeReplies(), []vectorSend{{in.From.Address, wire.VerbError, want}})
	// Our own network without a controller here can only fail.
	own := s.Join(start, 0x803348d73a000001, nil)
	if own.Status() != StatusNotFound || len(f.take()) != 0 {
		t.Errorf("status of our own network is %v", own.Status())
	}
	if nw.Status() != StatusRequestingConfiguration {
		t.Errorf("status of the other network is %v", nw.Status())
	}
}

// TestAdHocIsNotCached: a configuration that somehow came into the file of an
// ad-hoc network is not used, and the file is left alone.
func TestAdHocIsNotCached(t *testing.T) {
	t.Parallel()
	v := loadMulticast(t)
	f, s, _ := v.node(t, Limits{}, vectorConfig{Flags: "0"})
	const id identity.NetworkID = 0xff0a000000000001
	c, _ := netconf.AdHoc(id, f.self.Address, start.Wall-1000)
	c.Name = "old"
	nw := s.Join(start, id, c.Append(nil))
	if nw.Config() == nil || nw.Config().Name != "adhoc-10.0.0.0" || nw.Config().Timestamp != start.Wall {
		t.Errorf("configured with %+v", nw.Config())
	}
	if _, stored := f.stored[id]; stored {
		t.Error("the file was written")
	}
}
