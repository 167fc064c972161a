package netconf

import (
	"bytes"
	"errors"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/wire"
)

// legacyUnsigned is the sequence in which the reference takes a configuration
// without a signature from the controller itself. Ours is signed or refused.
const legacyUnsigned = "legacy-unsigned-from-controller"

// big are the chunks of the configuration in three parts.
func (v *vectors) big(t testing.TB) []hexBytes {
	t.Helper()
	for _, m := range v.ChunkMessages {
		if m.Name == "big-multi-chunk-payloads" {
			return m.Payloads
		}
	}
	t.Fatal("no big message")
	return nil
}

// TestChunkReception feeds every sequence twice: as answers to our requests, as
// recorded, and unsolicited, where an older configuration does not replace a
// newer one (spec 04 §4.4).
func TestChunkReception(t *testing.T) {
	t.Parallel()
	v := load(t)
	self := v.secrets["self"].Address
	for _, answer := range []bool{true, false} {
		for _, seq := range v.ChunkReception {
			a := Assembler{Network: v.NetworkID}
			var held *Config
			for i, s := range seq.Steps {
				body := []byte(s.Payload)
				switch {
				case s.BigChunkIndex != nil:
					body = v.big(t)[*s.BigChunkIndex]
				case s.PayloadFull != nil:
					body = s.PayloadFull
				}
				r, err := a.Add(clock.Mono(i), body, v.look)
				if (err != nil) != s.Exception {
					t.Errorf("%s %d: %v", seq.Name, i, err)
				}
				if seq.Name == legacyUnsigned {
					if r.Fault != FaultUnsigned {
						t.Errorf("%s: %v", seq.Name, r.Fault)
					}
					s.ReturnsUpdateID, s.HasConfigAfter = 0, false
				}
				var acknowledged uint64
				if r.Config != nil {
					if next, err := Parse(r.Config); err == nil {
						acknowledged = r.UpdateID
						if Decide(held, next, v.NetworkID, self, answer) == Replace {
							held = next
						}
					}
				}
				if acknowledged != uint64(s.ReturnsUpdateID) || r.Relay != (len(s.Relayed) > 0) {
					t.Errorf("%s %d: acknowledged %x, want %x; relay %v", seq.Name, i, acknowledged, s.ReturnsUpdateID, r.Relay)
				}
				if r.Relay && !bytes.Equal(body, s.Relayed[0].Payload) {
					t.Errorf("%s %d: the relayed body is not the chunk's", seq.Name, i)
				}
				checkHeld(t, seq.Name, i, held, &s, answer)
			}
		}
	}
}

// checkHeld compares the configuration held after a step.
func checkHeld(t *testing.T, name string, i int, held *Config, s *chunkStep, answer bool) {
	t.Helper()
	ts, rules := s.ConfigTimestampAfter, s.RuleCountAfter
	if name == "older-timestamp-still-replaces" && i == 1 && !answer {
		ts, rules = 1_700_000_000_000, 1
	}
	if (held != nil) != s.HasConfigAfter || held != nil && (held.Timestamp != ts || len(held.Rules) != rules) {
		t.Errorf("%s %d (answer %v): holds %+v", name, i, answer, held)
	}
}

// TestChunkMessages cuts configurations as the reference did and expects the
// same bytes.
func TestChunkMessages(t *testing.T) {
	t.Parallel()
	v := load(t)
	const update = 0xccf7ce0251e21edb
	for _, m := range v.ChunkMessages {
		var text []byte
		var want [][]byte
		for _, p := range m.Payloads {
			if m.Name == "ok-reply-full-payload-with-inRe-prefix" {
				p = p[9:]
			}
			c, err := wire.ParseConfigChunk(p)
			if err != nil {
				t.Fatal(err)
			}
			text, want = append(text, c.Data...), append(want, p)
		}
		got, err := Chunks(v.NetworkID, text, update, wire.MaxConfigChunk, v.secrets["controller"])
		if err != nil || len(got) != len(want) {
			t.Fatalf("%s: %d chunks, %v", m.Name, len(got), err)
		}
		for i := range got {
			if !bytes.Equal(got[i], want[i]) {
				t.Errorf("%s: chunk %d differs", m.Name, i)
			}
		}
	}
}

// TestChunksFitPath checks that an incompressible chunk in an OK can be joined
// by a receiver over a path of the smallest MTU.
func TestChunksFitPath(t *testing.T) {
	t.Parallel()
	v := load(t)
	got, err := Chunks(v.NetworkID, make([]byte, MaxChunk+1), 1, MaxChunk, v.secrets["controller"])
	if err != nil || len(got) != 2 {
		t.Fatalf("%d chunks, %v", len(got), err)
	}
	const okPrefix = 9
	if n := wire.HeaderLen + okPrefix + len(got[0]); n != wire.MaxJoinable(wire.MinMTU) {
		t.Errorf("%d bytes, %d can be joined", n, wire.MaxJoinable(wire.MinMTU))
	}
}

func TestChunksTooLong(t *testing.T) {
	t.Parallel()
	s := load(t).secrets["controller"]
	for _, c := range []struct{ n, size int }{{wire.ConfigCapacity, MaxChunk}, {475, 1}, {1, 0}} {
		if _, err := Chunks(1, make([]byte, c.n), 1, c.size, s); !errors.Is(err, ErrTooLong) {
			t.Errorf("%d bytes in chunks of %d: %v", c.n, c.size, err)
		}
	}
}

// piece signs one chunk of a text.
func (v *vectors) piece(update uint64, text string, start, end, total int) []byte {
	c := wire.ConfigChunk{Network: v.NetworkID, Data: []byte(text[start:end]), UpdateID: update, Total: uint32(total), Index: uint32(start)}
	body := c.AppendSigned(nil)
	sig := v.secrets["controller"].Sign(body)
	return wire.AppendConfigSignature(body, &sig)
}

func TestAssembler(t *testing.T) {
	t.Parallel()
	v := load(t)
	const text = "0123456789"
	n := len(text)
	add := func(a *Assembler, at clock.Mono, body []byte) string {
		t.Helper()
		r, err := a.Add(at, body, v.look)
		if err != nil {
			t.Fatal(err)
		}
		return string(r.Config)
	}

	t.Run("overlapping chunks", func(t *testing.T) {
		a := &Assembler{Network: v.NetworkID}
		for _, p := range [][2]int{{0, 3}, {6, 8}, {2, 4}, {7, 10}, {3, 3}} {
			if got := add(a, 0, v.piece(1, text, p[0], p[1], n)); got != "" {
				t.Errorf("complete after %v: %q", p, got)
			}
		}
		if got := add(a, 0, v.piece(1, text, 1, 9, n)); got != text {
			t.Errorf("got %q", got)
		}
		if got := add(a, 0, v.piece(1, text, 0, 10, n)); got != "" {
			t.Errorf("a complete update completed again: %q", got)
		}
	})
	t.Run("another total restarts", func(t *testing.T) {
		a := &Assembler{Network: v.NetworkID}
		add(a, 0, v.piece(1, text, 0, 5, n))
		add(a, 0, v.piece(1, text, 5, 8, 8))
		if got := add(a, 0, v.piece(1, text, 0, 5, 8)); got != text[:8] {
			t.Errorf("got %q", got)
		}
	})
	t.Run("the least recently used update gives way", func(t *testing.T) {
		a := &Assembler{Network: v.NetworkID}
		for id := range uint64(3) {
			add(a, clock.Mono(id), v.piece(id+1, text, 0, 4, n))
		}
		add(a, 10, v.piece(1, text, 4, 5, n)) // now 2 is the oldest
		add(a, 11, v.piece(9, text, 0, 4, n))
		if got := add(a, 12, v.piece(2, text, 4, 10, n)); got != "" { // takes the place of 3
			t.Errorf("the evicted update is complete: %q", got)
		}
		if got := add(a, 13, v.piece(1, text, 5, 10, n)); got != text {
			t.Errorf("got %q", got)
		}
		if got := add(a, 13, v.piece(9, text, 4, 10, n)); got != text {
			t.Errorf("got %q", got)
		}
	})
	t.Run("too many chunks", func(t *testing.T) {
		a := &Assembler{Network: v.NetworkID}
		add(a, 0, v.piece(1, text, 0, 1, n))
		u := a.find(1)
		for i := range wire.MaxConfigChunks {
			u.chunks = append(u.chunks, uint64(i))
		}
		if got := add(a, 0, v.piece(1, text, 0, 10, n)); got != "" {
			t.Errorf("got %q", got)
		}
	})
	t.Run("unknown controller", func(t *testing.T) {
		a := &Assembler{Network: v.NetworkID}
		nobody := func(identity.Address) (identity.Identity, bool) { return identity.Identity{}, false }
		r, err := a.Add(0, v.piece(1, text, 0, 10, n), nobody)
		if err != nil || r.Missing != v.NetworkID.Controller() || r.Config != nil || a.find(1) != nil {
			t.Errorf("%+v, %v", r, err)
		}
	})
	t.Run("another network", func(t *testing.T) {
		a := &Assembler{Network: v.NetworkID + 1}
		if got := add(a, 0, v.piece(1, text, 0, 10, n)); got != "" {
			t.Errorf("got %q", got)
		}
	})
}

// TestAssemblerExpires: what stays incomplete is freed, and can begin anew.
func TestAssemblerExpires(t *testing.T) {
	t.Parallel()
	v := load(t)
	a := Assembler{Network: v.NetworkID}
	add := func(at clock.Mono, update uint64, start, end int) Reception {
		r, err := a.Add(at, v.piece(update, "0123456789", start, end, 10), v.look)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	add(1, 1, 0, 5)
	add(2, 2, 0, 10)
	add(3, 3, 0, 5)
	a.Expire(3)
	if u := a.find(1); u != nil {
		t.Errorf("kept %+v", u)
	}
	if u := a.find(2); u == nil || !u.complete || u.text != nil {
		t.Errorf("a complete update is %+v", u)
	}
	if r := add(4, 2, 0, 10); r.Config != nil {
		t.Error("a complete update was forgotten")
	}
	if r := add(5, 3, 5, 10); string(r.Config) != "0123456789" {
		t.Errorf("what goes on is %q", r.Config)
	}
	if r := add(6, 1, 5, 10); r.Config != nil {
		t.Error("half of an update is an update")
	}
	if r := add(7, 1, 0, 5); string(r.Config) != "0123456789" {
		t.Errorf("what began anew is %q", r.Config)
	}
}

// FuzzAssembler checks that no chunk makes it fail, and that only signed text
// comes out.
func FuzzAssembler(f *testing.F) {
	v := load(f)
	for _, seq := range v.ChunkReception {
		for _, s := range seq.Steps {
			f.Add([]byte(s.Payload), []byte(s.PayloadFull))
		}
	}
	for _, b := range v.big(f) {
		f.Add([]byte(b), []byte(b))
	}
	f.Fuzz(func(t *testing.T, x, y []byte) {
		a := Assembler{Network: v.NetworkID}
		for i, b := range [][]byte{x, y, x} {
			r, err := a.Add(clock.Mono(i), b, v.look)
			if err != nil || r.Config == nil {
				continue
			}
			if c, _ := wire.ParseConfigChunk(b); c.Unsigned {
				t.Fatal("took an unsigned chunk")
			}
		}
	})
}
