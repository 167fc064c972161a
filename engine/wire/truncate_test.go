package wire

import (
	"testing"

	"orrery/engine/armor"
)

// received reports whether a message that the parsers make this of counts as
// received, and whether it has an effect, where parsing decides that (spec 02
// §10 to §12).
func received(v Verb, p []byte) (counts, effect bool) {
	switch v {
	case VerbNOP, VerbEcho, VerbWhois:
		return true, false
	case VerbUserMessage:
		_, err := ParseUserMessage(p)
		return true, err == nil
	case VerbRemoteTrace:
		_, _, ok := NextRemoteTrace(p)
		return true, ok
	case VerbRendezvous:
		r, err := ParseRendezvous(p)
		return err == nil, err == nil && r.At.Port() > 0
	case VerbFrame:
		f, err := ParseFrame(p)
		return err == nil, len(f.Data) > 0
	case VerbExtFrame:
		_, err := ParseExtFrame(p)
		return err == nil, false
	case VerbMulticastLike:
		_, err := ParseMulticastLikes(p)
		return err == nil, false
	case VerbNetworkConfigRequest:
		// The reference answered as a node without a controller, which needs the
		// network only.
		r, _ := ParseNetworkConfigRequest(p)
		return r.Network != 0, r.Network != 0
	case VerbNetworkConfig:
		_, err := ParseConfigChunk(p)
		return err == nil, false
	case VerbMulticastGather:
		_, err := ParseMulticastGather(p)
		return err == nil, false
	case VerbMulticastFrame:
		m, err := ParseMulticastFrame(p)
		return err == nil, len(m.Data) > 0
	case VerbPushDirectPaths:
		return receivedPush(p)
	case VerbOK:
		return receivedOK(p)
	case VerbError:
		return receivedError(p)
	case VerbQOSMeasurement:
		_, _ = ParseQOSMeasurement(p)
	case VerbPathNegotiationRequest:
		_, _ = ParsePathNegotiationRequest(p)
	}
	return false, false
}

func receivedPush(p []byte) (counts, effect bool) {
	r, err := ParsePushDirectPaths(p)
	for {
		e, ok := r.Next()
		if !ok {
			return err == nil && r.Err() == nil, effect
		}
		effect = effect || e.Address.IsValid() && e.Flags&PathForget == 0
	}
}

func receivedOK(p []byte) (counts, effect bool) {
	o, err := ParseOK(p)
	if err != nil {
		return false, false
	}
	switch o.InRe {
	case VerbHello:
		_, err = ParseOKHello(o.Body)
	case VerbWhois:
		ids, _ := ParseWhoisReply(nil, o.Body)
		return len(ids) > 0, false
	case VerbNetworkConfigRequest:
		_, err = ParseConfigChunk(o.Body)
	case VerbMulticastGather:
		_, err = ParseGatherResult(o.Body)
	case VerbMulticastFrame:
		_, err = ParseOKMulticastFrame(o.Body)
	}
	return err == nil, false
}

func receivedError(p []byte) (counts, effect bool) {
	e, err := ParseError(p)
	if err != nil {
		return false, false
	}
	switch e.Code {
	case ErrorObjectNotFound, ErrorUnsupportedOperation:
		_, err = ErrorNetwork(e.Body)
		effect = err == nil
	case ErrorNeedMembershipCertificate:
		_, err = ErrorNetwork(e.Body)
	case ErrorNetworkAccessDenied:
		_, err = ErrorNetwork(e.Body)
		effect = err == nil
	case ErrorUnwantedMulticast:
		_, err = ParseUnwantedMulticast(e.Body)
	case ErrorNetworkAuthenticationRequired:
		_, effect, err = ParseAuthentication(e.Body)
	case ErrorIdentityCollision:
		effect = true
	}
	return err == nil, effect
}

// TestTruncation cuts every message at every length, and compares what counts
// as received with the reference.
func TestTruncation(t *testing.T) {
	t.Parallel()
	vectors := loadPackets()
	for _, c := range vectors.Truncation {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			v := vectors.verb(t, c.Name)
			if len(v.Payload) != c.Length {
				t.Fatalf("payload has %d bytes, want %d", len(v.Payload), c.Length)
			}
			for _, r := range c.Ranges {
				for n := r.From; n <= r.To; n++ {
					counts, effect := received(v.Verb, v.Payload[:n:n])
					if counts != r.Received {
						t.Errorf("%d bytes: received %v, want %v", n, counts, r.Received)
					}
					if want := len(r.Actions) > 0; decidedByParsing(v.Verb) && effect != want {
						t.Errorf("%d bytes: effect %v, want %v", n, effect, want)
					}
				}
			}
		})
	}
}

// decidedByParsing says of which verbs the effects that the vectors record
// follow from the message alone. Those of the others need members, gates or
// peers.
func decidedByParsing(v Verb) bool {
	switch v {
	case VerbUserMessage, VerbRemoteTrace, VerbRendezvous, VerbFrame, VerbNetworkConfigRequest, VerbPushDirectPaths, VerbError:
		return true
	}
	return false
}

// TestHelloTruncation cuts a HELLO with one moon, whose tail is encrypted as far
// as it is there.
func TestHelloTruncation(t *testing.T) {
	t.Parallel()
	vectors := loadPackets()
	want := vectors.HelloTruncation
	keys := armor.NewKeys((*[48]byte)(vectors.SharedKeys["alice-bob"]))
	v := vectors.verb(t, "HELLO current, IPv4, no moons")
	h, tail, err := ParseHello(v.Payload)
	if err != nil {
		t.Fatal(err)
	}
	h.Moons = []MoonRevision{{0x7f67e4443d, 1}}
	whole := h.Append(nil)
	if len(whole) != want.Length || tail != want.Tail {
		t.Fatalf("%d bytes, tail at %d; want %d, %d", len(whole), tail, want.Length, want.Tail)
	}
	id := v.Packet[:8]
	keys.CryptHelloTail(id, whole[tail:])
	for _, r := range want.Ranges {
		for n := r.From; n <= r.To; n++ {
			p := append([]byte(nil), whole[:n]...)
			_, tail, err := ParseHello(p)
			if err == nil {
				keys.CryptHelloTail(id, p[tail:])
				_, err = ParseHelloTail(p[tail:])
			}
			if (err == nil) != r.Received {
				t.Errorf("%d bytes: %v, want received %v", n, err, r.Received)
			}
		}
	}
}
