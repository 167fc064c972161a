package wire

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// bin is bytes that vectors write in hex.
type bin []byte

func (b *bin) UnmarshalJSON(j []byte) error {
	var s string
	if err := json.Unmarshal(j, &s); err != nil {
		return err
	}
	var err error
	*b, err = hex.DecodeString(s)
	return err
}

func load[T any](t testing.TB, name string) *T {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	v := new(T)
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatalf("read %s: %v", name, err)
	}
	return v
}

// packetVectors are the parts of packets.json that are about encoding.
type packetVectors struct {
	Identities map[string]string `json:"identities_with_secrets"`
	SharedKeys map[string]bin    `json:"shared_keys"`
	Verbs      []verbVector      `json:"verbs"`
	Fragments  struct {
		Clear  bin   `json:"cleartext_packet"`
		Size   int   `json:"size"`
		MTU    int   `json:"mtu"`
		Wire   bin   `json:"wire_packet_before_splitting"`
		Parts1 []bin `json:"datagrams"`
		Parts3 []bin `json:"datagrams_cipher3"`
	} `json:"fragments_4000"`
	FragmentSizes []struct {
		MTU      int   `json:"mtu"`
		Length   int   `json:"packet_length"`
		Lengths  []int `json:"datagram_lengths"`
		Total    int   `json:"total_fragments"`
		Accepted bool  `json:"accepted_by_reference_receiver"`
	} `json:"fragment_sizes"`
	Truncation []struct {
		Name   string          `json:"name"`
		Length int             `json:"full_payload_length"`
		Ranges []truncateRange `json:"ranges"`
	} `json:"truncation"`
	HelloTruncation struct {
		Tail   int             `json:"offset_of_encrypted_tail_in_payload"`
		Length int             `json:"full_payload_length"`
		Ranges []truncateRange `json:"ranges"`
	} `json:"hello_truncation"`
}

type verbVector struct {
	Name          string `json:"name"`
	Verb          Verb   `json:"verb"`
	VerbName      string `json:"verb_name"`
	Fields        fields `json:"fields"`
	Payload       bin    `json:"payload"`
	Packet        bin    `json:"packet"`
	CryptOffset   int    `json:"crypt_field_offset"`
	EncryptedTail bin    `json:"packet_with_encrypted_tail"`
	Cipher0       bin    `json:"wire_cipher0"`
	Compressed    bin    `json:"compressed_packet"`
}

type truncateRange struct {
	From     int   `json:"from_length"`
	To       int   `json:"to_length"`
	Received bool  `json:"counted_as_received"`
	Actions  []any `json:"actions"`
}

var loadPackets = sync.OnceValue(func() *packetVectors {
	b, err := os.ReadFile(filepath.Join("testdata", "packets.json"))
	if err != nil {
		panic(err)
	}
	v := new(packetVectors)
	if err := json.Unmarshal(b, v); err != nil {
		panic(err)
	}
	return v
})

func (p *packetVectors) verb(t testing.TB, name string) *verbVector {
	t.Helper()
	for i := range p.Verbs {
		if p.Verbs[i].Name == name {
			return &p.Verbs[i]
		}
	}
	t.Fatalf("no vector %q", name)
	return nil
}
