package wire

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"

	"orrery/engine/identity"
)

// fields are the decoded form of a message in a vector.
type fields map[string]any

// is compares with what was parsed. Numbers become float64 by way of JSON.
func (f fields) is(parsed fields) error {
	b, err := json.Marshal(parsed)
	if err != nil {
		return err
	}
	got := fields{}
	if err := json.Unmarshal(b, &got); err != nil {
		return err
	}
	for k, v := range got {
		if w, ok := f[k]; !ok || fmt.Sprint(v) != fmt.Sprint(w) {
			return fmt.Errorf("%s = %v, want %v", k, v, f[k])
		}
	}
	for k, w := range f {
		if _, ok := got[k]; !ok {
			return fmt.Errorf("%s missing, want %v", k, w)
		}
	}
	return nil
}

func (f fields) num(k string) int { n, _ := f[k].(float64); return int(n) }

func (f fields) text(k string) string { s, _ := f[k].(string); return s }

func (f fields) bytes(k string) []byte {
	b, err := hex.DecodeString(f.text(k))
	if err != nil {
		panic(err)
	}
	return b
}

// hex reads a number that is written in hex.
func (f fields) hex(k string) uint64 {
	n, err := strconv.ParseUint(f.text(k), 16, 64)
	if err != nil {
		panic(err)
	}
	return n
}

func (f fields) network() identity.NetworkID { return identity.NetworkID(f.hex("network_id")) }

func (f fields) group(mac string) identity.MulticastGroup {
	g := identity.MulticastGroup{MAC: identity.MAC(f.hex(mac)), ADI: uint32(f.num("adi"))}
	if _, ok := f["adi"].(string); ok {
		g.ADI = uint32(f.hex("adi"))
	}
	return g
}

func (f fields) inet(k string) netip.AddrPort {
	if f.text(k) == "(nil)" {
		return netip.AddrPort{}
	}
	a, err := ParseInetText(f.text(k))
	if err != nil {
		panic(err)
	}
	return a
}

func (f fields) identity(k string) identity.Identity {
	id, err := identity.Parse(f.text(k))
	if err != nil {
		panic(err)
	}
	return id
}

func (f fields) list(k string) (out []fields) {
	list, _ := f[k].([]any)
	for _, e := range list {
		out = append(out, fields(e.(map[string]any)))
	}
	return out
}

func (f fields) texts(k string) (out []string) {
	list, _ := f[k].([]any)
	for _, e := range list {
		out = append(out, e.(string))
	}
	return out
}

func (f fields) addresses(k string) (out Addresses) {
	for _, s := range f.texts(k) {
		a, err := identity.ParseAddress(s)
		if err != nil {
			panic(err)
		}
		out = a.Append(out)
	}
	return out
}

func nilText(a netip.AddrPort) string {
	if !a.IsValid() {
		return "(nil)"
	}
	return FormatInet(a)
}

func addressTexts(a Addresses) []string {
	out := []string{}
	for i := range a.Len() {
		out = append(out, a.At(i).String())
	}
	return out
}

func hex16(v uint64) string                { return fmt.Sprintf("%016x", v) }
func hex8(v uint32) string                 { return fmt.Sprintf("%08x", v) }
func hex4(v uint16) string                 { return fmt.Sprintf("%04x", v) }
func macText(m identity.MAC) string        { return fmt.Sprintf("%012x", uint64(m)) }
func blob(b []byte) string                 { return hex.EncodeToString(b) }
func networkText(n identity.NetworkID) any { return n.String() }
