package wire

import (
	"bytes"
	"testing"

	"orrery/engine/armor"
	"orrery/engine/identity"
)

// TestVerbs checks every message form of the reference in both directions, and
// the packet around it.
func TestVerbs(t *testing.T) {
	t.Parallel()
	for _, v := range loadPackets().Verbs {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			if got := v.Verb.String(); got != v.VerbName {
				t.Errorf("verb %d is named %s, want %s", v.Verb, got, v.VerbName)
			}
			p := Packet(v.Packet)
			b := AppendHeader(nil, p.ID(), p.Destination(), p.Source(), v.Verb)
			if want := append(b, v.Payload...); !bytes.Equal(want, v.Packet) {
				t.Errorf("packet is %x, want %x", want, v.Packet)
			}
			if v.Compressed != nil {
				testDecompress(t, Packet(v.Compressed), Packet(v.Packet))
			}
			// ACK is never sent and ignored when it comes: it has no codec. That of
			// credentials is package credential's.
			if v.Verb == VerbACK || v.Verb == VerbNetworkCredentials {
				return
			}
			c, ok := codecs[v.Verb]
			if !ok {
				t.Fatal("no codec")
			}
			if got := c.encode(v.Fields); !bytes.Equal(got, v.Payload) {
				t.Errorf("fields encode to\n%x, want\n%x", got, v.Payload)
			}
			got, err := c.decode(v.Payload, v.Fields)
			if err != nil {
				t.Fatalf("decode: %v", err)
			}
			if err := v.Fields.is(got); err != nil {
				t.Errorf("payload decodes to %v: %v", got, err)
			}
		})
	}
}

func testDecompress(t *testing.T, compressed, want Packet) {
	t.Helper()
	if !compressed.Compressed() {
		t.Fatal("compressed packet is not marked")
	}
	got, err := Decompress(compressed, make([]byte, MaxPacketLen))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("decompresses to %x, %v", got, err)
	}
}

// TestHelloTail checks that the tail begins where the cipher expects it.
func TestHelloTail(t *testing.T) {
	t.Parallel()
	vectors := loadPackets()
	keys := armor.NewKeys((*[48]byte)(vectors.SharedKeys["alice-bob"]))
	for _, v := range vectors.Verbs {
		if v.Verb != VerbHello {
			continue
		}
		h, tail, err := ParseHello(v.Payload)
		if err != nil {
			t.Fatal(err)
		}
		if v.CryptOffset == 0 {
			if tail != len(v.Payload) {
				t.Errorf("%s: tail at %d of %d", v.Name, tail, len(v.Payload))
			}
			continue
		}
		if tail != v.CryptOffset-HeaderLen || h.TailOffset() != tail {
			t.Errorf("%s: tail at %d, to be written at %d, want %d", v.Name, tail, h.TailOffset(), v.CryptOffset-HeaderLen)
		}
		p := Packet(bytes.Clone(v.EncryptedTail))
		keys.CryptHelloTail(p[:8], p.Payload()[tail:])
		if !bytes.Equal(p, v.Packet) {
			t.Errorf("%s: tail decrypts to %x", v.Name, p.Payload()[tail:])
		}
		keys.CryptHelloTail(p[:8], p.Payload()[tail:])
		keys.Seal(p, armor.Poly1305None)
		if !bytes.Equal(p, v.Cipher0) {
			t.Errorf("%s: sealed is %x", v.Name, []byte(p))
		}
	}
}

func TestHelloFromAnImpolitePeer(t *testing.T) {
	t.Parallel()
	v := loadPackets().verb(t, "HELLO current, IPv4, no moons")
	h, tail, err := ParseHello(v.Payload)
	if err != nil {
		t.Fatal(err)
	}
	// A private key in the identity is skipped.
	private := bytes.Clone(v.Payload[:83])
	private = append(append(append(private, 64), make([]byte, 64)...), v.Payload[84:]...)
	if got, n, err := ParseHello(private); err != nil || n != tail+64 || got.Identity != h.Identity || got.SentTo != h.SentTo {
		t.Errorf("with private key: %+v, %d, %v", got, n, err)
	}
	// An identity of another type, or an address of none, is not.
	for at, c := range map[int]byte{18: 1, 83: 63, 84: 5} {
		b := bytes.Clone(v.Payload)
		b[at] = c
		if _, _, err := ParseHello(b); err != ErrFormat {
			t.Errorf("with byte %d = %d: %v", at, c, err)
		}
	}
	// Entries that are not moons are skipped, bytes behind the last ignored.
	moons := append([]byte{0, 2, 1}, make([]byte, 16)...)
	moons = append(append(append(moons, 127), make([]byte, 15)...), 7, 0xee)
	m, err := ParseHelloTail(moons)
	if err != nil || m.Len() != 2 {
		t.Fatalf("tail: %d entries, %v", m.Len(), err)
	}
	if _, ok := m.At(0); ok {
		t.Error("an entry of type 1 is a moon")
	}
	if r, ok := m.At(1); !ok || r != (MoonRevision{0, 7}) {
		t.Errorf("moon is %+v, %v", r, ok)
	}
}

// TestWhoisReplyReadsAll goes beyond the reference, which reads one identity.
func TestWhoisReplyReadsAll(t *testing.T) {
	t.Parallel()
	v := loadPackets().verb(t, "OK(WHOIS) two identities")
	body := v.Payload[OKPrefixLen:]
	for n := range len(body) {
		ids, err := ParseWhoisReply(nil, body[:n])
		if want := n / identity.BinaryLen; len(ids) != want || (err == nil) != (n == identity.BinaryLen) {
			t.Errorf("%d bytes: %d identities, %v", n, len(ids), err)
		}
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for v := range Verb(VerbCount) {
		_, known := codecs[v]
		known = known || v == VerbACK || v == VerbNetworkCredentials
		if known != (v.String() != "UNASSIGNED") {
			t.Errorf("verb %#x is named %s", uint8(v), v)
		}
	}
	for c := range ErrorCode(16) {
		if (c <= ErrorNetworkAuthenticationRequired) != (c.String() != "UNASSIGNED") {
			t.Errorf("code %#x is named %s", uint8(c), c)
		}
	}
}
