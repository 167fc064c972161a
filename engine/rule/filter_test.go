package rule_test

import (
	"bytes"
	"testing"

	"orrery/engine/credential"
	"orrery/engine/identity"
	"orrery/engine/rule"
	"orrery/engine/wire"
)

// compileCapabilities parses capabilities and drops those outside w.
func compileCapabilities(t *testing.T, list []hexBytes, w *credential.Window) []rule.Set {
	t.Helper()
	var sets []rule.Set
	for _, b := range list {
		c, n, err := credential.ParseCapability(b)
		if err != nil || n != len(b) {
			t.Fatalf("capability %x: %v", []byte(b), err)
		}
		if w == nil || w.Contains(c.Timestamp) {
			sets = append(sets, rule.Compile(c.Rules))
		}
	}
	return sets
}

func TestFilterVectors(t *testing.T) {
	t.Parallel()
	v := load(t)
	w := credential.Window{Center: v.Now, MaxDelta: 1_800_000}
	for _, c := range v.NetworkFilter {
		base := rule.Compile(mustParse(t, c.Rules))
		in := rule.Input{
			Inbound: c.Inbound, Source: c.ZTSource, Destination: c.ZTDest,
			SourceMAC: identity.MAC(c.MACSource), DestinationMAC: identity.MAC(c.MACDest),
			EtherType: c.EtherType, Frame: v.Frames[c.Frame],
			Local: &rule.Local{Self: v.SelfAddress}, Remote: &rule.Side{},
		}
		var d rule.Decision
		if c.Inbound {
			d = rule.FilterIn(&base, compileCapabilities(t, c.RemoteCapabilities, &w), &in)
		} else {
			d = rule.FilterOut(&base, compileCapabilities(t, c.LocalCapabilities, nil), &in, c.NoTee)
		}
		returns := map[rule.Result]int{rule.Drop: 0, rule.Accept: 1, rule.SuperAccept: 2}
		if got, ok := returns[d.Result]; !ok || got != c.Returns {
			t.Errorf("%s: %v, want %d", c.Name, d.Result, c.Returns)
		}
		if d.Accepted() != (c.Returns > 0) {
			t.Errorf("%s: Accepted %v", c.Name, d.Accepted())
		}
		if d.Count != len(c.Emitted) {
			t.Errorf("%s: %d copies, want %d", c.Name, d.Count, len(c.Emitted))
			continue
		}
		for i, e := range d.Copies[:d.Count] {
			payload := append(v.NetworkID.Append(nil), e.Flags)
			payload = identity.MAC(c.MACSource).Append(identity.MAC(c.MACDest).Append(payload))
			payload = append(payload, byte(c.EtherType>>8), byte(c.EtherType))
			payload = append(payload, v.Frames[c.Frame][:e.Length]...)
			if e.To != c.Emitted[i].To || int(wire.VerbExtFrame) != c.Emitted[i].Verb || !bytes.Equal(payload, c.Emitted[i].Payload) {
				t.Errorf("%s: copy %d to %v: %x, want to %v: %x", c.Name, i, e.To, payload, c.Emitted[i].To, []byte(c.Emitted[i].Payload))
			}
		}
	}
}

// TestFilterRedirectToNobody checks that a redirect to the null address accepts
// without sending anything.
func TestFilterRedirectToNobody(t *testing.T) {
	t.Parallel()
	base := rule.Compile([]rule.Rule{{Type: rule.ActionRedirect}})
	in := rule.Input{Source: 1, Destination: 2, EtherType: 0x0800, Local: &rule.Local{Self: 1}}
	if d := rule.FilterOut(&base, nil, &in, false); d.Result != rule.Accept || d.Count != 0 {
		t.Errorf("%+v", d)
	}
}
