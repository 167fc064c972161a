package credential

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
)

// sample is a bundle with something of everything.
func sample(t testing.TB, w *world) Bundle {
	t.Helper()
	com, _, err := ParseMembership(w.bin(t, "com-good"))
	if err != nil {
		t.Fatal(err)
	}
	cap1, _, err := ParseCapability(w.bin(t, "cap-good"))
	if err != nil {
		t.Fatal(err)
	}
	tag, _, err := ParseTag(w.bin(t, "tag-good"))
	if err != nil {
		t.Fatal(err)
	}
	rev, _, err := ParseRevocation(w.bin(t, "rev-com-fast"))
	if err != nil {
		t.Fatal(err)
	}
	own, _, err := ParseOwnership(w.bin(t, "coo-good"))
	if err != nil {
		t.Fatal(err)
	}
	return Bundle{[]Membership{com}, []Capability{cap1, cap1}, []Tag{tag, tag, tag}, []Revocation{rev}, []Ownership{own}}
}

// read gives the kinds of the credentials in order, and how the payload ended.
func read(b []byte) (kinds []Type, complete bool, err error) {
	r := NewReader(b)
	for r.Next() {
		kinds = append(kinds, r.Type())
	}
	if r.Next() {
		panic("read on after the end")
	}
	return kinds, r.Complete(), r.Err()
}

func TestReader(t *testing.T) {
	t.Parallel()
	w := load(t)
	b := sample(t, w)
	full := b.Append(nil)
	com, tag := w.bin(t, "com-good"), w.bin(t, "tag-good")
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	cases := []struct {
		name     string
		b        []byte
		kinds    string
		complete bool
		err      error
	}{
		{"everything", full, "[membership capability capability tag tag tag revocation ownership]", true, nil},
		{"nothing", nil, "[]", true, nil},
		{"memberships alone", join(com, com), "[membership membership]", true, nil},
		{"ended by zero", join(com, []byte{0}), "[membership]", true, nil},
		{"empty lists", make([]byte, 9), "[]", true, nil},
		{"trailing bytes", join(full, []byte{1, 2}), "[membership capability capability tag tag tag revocation ownership]", true, nil},
		{"after capabilities", join([]byte{0, 0, 0}), "[]", false, nil},
		{"after tags", join([]byte{0, 0, 0, 0, 1}, tag), "[tag]", false, nil},
		{"after revocations", make([]byte, 7), "[]", false, nil},
		{"half a count", []byte{0, 0}, "[]", false, ErrTruncated},
		{"missing tag", join([]byte{0, 0, 0, 0, 2}, tag), "[tag]", false, ErrTruncated},
		{"cut membership", join(com, com[:200]), "[membership]", false, ErrTruncated},
		{"no membership", []byte{2, 0, 0, 0, 0, 0, 0, 0}, "[]", false, ErrFormat},
	}
	for _, c := range cases {
		kinds, complete, err := read(c.b)
		if fmt.Sprint(kinds) != c.kinds || complete != c.complete || !errors.Is(err, c.err) {
			t.Errorf("%s: %v, complete %v, %v", c.name, kinds, complete, err)
		}
	}
}

func TestSplit(t *testing.T) {
	t.Parallel()
	b := sample(t, load(t))
	full := b.Append(nil)
	if got := b.Split(len(full)); len(got) != 1 || !bytes.Equal(got[0], full) {
		t.Errorf("split in %d although it fits", len(got))
	}
	if got := (&Bundle{}).Split(9996); got != nil || !(&Bundle{}).Empty() {
		t.Errorf("split nothing in %d", len(got))
	}
	for _, size := range []int{200, 300, 400, 500, len(full) - 1} {
		var all []Type
		for _, p := range b.Split(size) {
			kinds, complete, err := read(p)
			if len(p) > size || !complete || err != nil {
				t.Errorf("size %d: part of %d bytes, complete %v, %v", size, len(p), complete, err)
			}
			all = append(all, kinds...)
		}
		want := "[membership capability capability tag tag tag revocation ownership]"
		if size == 200 {
			want = "[capability capability tag tag tag revocation]" // the others never fit
		} else if size == 300 {
			want = "[membership capability capability tag tag tag revocation ownership]"
		}
		if fmt.Sprint(all) != want {
			t.Errorf("size %d: %v", size, all)
		}
	}
}

// FuzzReader checks that reading ends and that what was read can be written.
func FuzzReader(f *testing.F) {
	w := load(f)
	b := sample(f, w)
	f.Add(b.Append(nil))
	f.Add(make([]byte, 9))
	for _, v := range loadPayloads(f).Payloads {
		f.Add([]byte(v.Payload))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		var got Bundle
		r := NewReader(p)
		for r.Next() {
			switch r.Type() {
			case TypeMembership:
				got.Memberships = append(got.Memberships, r.Membership)
			case TypeCapability:
				got.Capabilities = append(got.Capabilities, r.Capability)
			case TypeTag:
				got.Tags = append(got.Tags, r.Tag)
			case TypeRevocation:
				got.Revocations = append(got.Revocations, r.Revocation)
			case TypeOwnership:
				got.Ownerships = append(got.Ownerships, r.Ownership)
			}
		}
		enc := got.Append(nil)
		if _, complete, err := read(enc); !complete || err != nil {
			t.Fatalf("%x: %v", enc, err)
		}
	})
}
