package wire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"net/netip"
	"testing"
)

var sampleAppointment = Appointment{
	Step: AppointmentPropose, NAT: 3, Nonce: 0x0123456789abcdef, Surface: netip.MustParseAddrPort("5.6.7.8:40000"),
	Next: 40010, Stride: -2, Sockets: 256,
}

const sampleAppointmentHex = "01010300" + "0123456789abcdef" + "05060708" + "9c40" + "9c4a" + "fffe" + "0100"

// The layout is fixed: nodes of another release must understand it.
func TestAppointmentLayout(t *testing.T) {
	b := sampleAppointment.Append(nil)
	if got := hex.EncodeToString(b); got != sampleAppointmentHex {
		t.Fatalf("written as %s, want %s", got, sampleAppointmentHex)
	}
	for _, more := range [][]byte{nil, {1, 2, 3}} {
		if got, err := ParseAppointment(append(bytes.Clone(b), more...)); err != nil || got != sampleAppointment {
			t.Errorf("with %d bytes more: read as %+v, %v", len(more), got, err)
		}
	}
}

func TestAppointmentRefusals(t *testing.T) {
	good := sampleAppointment.Append(nil)
	for n := range good {
		if _, err := ParseAppointment(good[:n]); !errors.Is(err, ErrTruncated) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	for name, change := range map[string]func(b []byte){
		"version":              func(b []byte) { b[0] = 2 },
		"step 0":               func(b []byte) { b[1] = 0 },
		"step 4":               func(b []byte) { b[1] = 4 },
		"kind of NAT":          func(b []byte) { b[2] = 5 },
		"reason of a proposal": func(b []byte) { b[3] = 1 },
		"no reason to refuse":  func(b []byte) { b[1] = 3 },
		"reason":               func(b []byte) { b[1], b[3] = 3, 6 },
	} {
		b := bytes.Clone(good)
		change(b)
		if _, err := ParseAppointment(b); !errors.Is(err, ErrAppointment) {
			t.Errorf("%s: %v", name, err)
		}
	}
	b := bytes.Clone(good)
	clear(b[12:16])
	if a, err := ParseAppointment(b); err != nil || a.Surface.IsValid() {
		t.Errorf("without an address: %v, %v", a.Surface, err)
	}
}

func FuzzAppointment(f *testing.F) {
	good := sampleAppointment.Append(nil)
	f.Add(good)
	f.Add(good[:20])
	f.Add(append([]byte{1, 3, 0, 4}, good[4:]...))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := ParseAppointment(b)
		again(t, a, err, a.Append(nil), ParseAppointment)
	})
}
