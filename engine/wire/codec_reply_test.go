package wire

import (
	"fmt"

	"orrery/engine/clock"
	"orrery/engine/identity"
)

func encodeChunk(f fields) []byte {
	c := ConfigChunk{Network: f.network(), Data: f.bytes("chunk")}
	if _, ok := f["signature"]; !ok {
		c.Unsigned = true
		return c.Append(nil)
	}
	c.Flags, c.UpdateID = uint8(f.num("flags")), f.hex("update_id")
	c.Total, c.Index = uint32(f.num("total_length")), uint32(f.num("chunk_index"))
	c.Signature = f.bytes("signature")
	b := c.Append(nil)
	signed := c.AppendSigned(nil)
	if string(AppendConfigSignature(signed, (*identity.Signature)(c.Signature))) != string(b) {
		panic("AppendConfigSignature and Append differ")
	}
	return b
}

func decodeChunk(p []byte, want fields) (fields, error) {
	c, err := ParseConfigChunk(p)
	if err != nil {
		return nil, err
	}
	if !c.Plausible(ConfigCapacity) {
		return nil, fmt.Errorf("chunk is not plausible")
	}
	f := fields{"network_id": networkText(c.Network), "chunk": blob(c.Data)}
	if c.Unsigned {
		return f, nil
	}
	f["chunk_length"], f["flags"], f["update_id"] = len(c.Data), c.Flags, hex16(c.UpdateID)
	f["total_length"], f["chunk_index"] = c.Total, c.Index
	f["signed_portion"], f["signature"] = blob(c.SignedPortion()), blob(c.Signature)
	f["signature_type"], f["signature_length"] = signatureEd25519, len(c.Signature)
	f["signer_identity"] = want["signer_identity"]
	if !want.identity("signer_identity").Verify(c.SignedPortion(), c.Signature) {
		return nil, fmt.Errorf("signature does not verify")
	}
	return f, nil
}

func encodeOK(f fields) []byte {
	o := OK{InRe: Verb(f.num("in_re_verb")), InReID: f.hex("in_re_packet_id")}
	switch o.InRe {
	case VerbHello:
		o.Body = (&OKHello{
			Time: clock.Wall(f.num("timestamp_echo")), Protocol: uint8(f.num("protocol_version")), Major: uint8(f.num("major")),
			Minor: uint8(f.num("minor")), Revision: uint16(f.num("revision")), SeenAt: f.inet("your_surface_address"), Worlds: f.bytes("world_updates"),
		}).Append(nil)
		if _, ok := f["world_updates"]; !ok {
			o.Body = o.Body[:len(o.Body)-2]
		}
	case VerbWhois:
		for _, s := range f.texts("identities") {
			id, err := identity.Parse(s)
			if err != nil {
				panic(err)
			}
			o.Body = id.AppendBinary(o.Body)
		}
	case VerbExtFrame:
		o.Body = f.network().Append(nil)
	case VerbEcho:
		if _, ok := f["update_id"]; ok {
			o.Body = ConfigAck{f.network(), f.hex("update_id")}.Append(nil)
		} else {
			o.Body = f.bytes("echo")
		}
	case VerbNetworkConfigRequest:
		o.Body = encodeChunk(f)
	case VerbMulticastGather:
		o.Body = (&GatherResult{f.network(), f.group("mac"), uint32(f.num("total_known")), f.addresses("members")}).Append(nil)
	case VerbMulticastFrame:
		o.Body = (&OKMulticastFrame{
			f.network(), f.group("mac"), uint8(f.num("flags")), f.bytes("com"), uint32(f.num("total_known")), f.addresses("members"),
		}).Append(nil)
	}
	return o.Append(nil)
}

func decodeOK(p []byte, want fields) (fields, error) {
	o, err := ParseOK(p)
	if err != nil {
		return nil, err
	}
	f, err := decodeOKBody(&o, want)
	if err != nil {
		return nil, err
	}
	f["in_re_verb"], f["in_re_verb_name"], f["in_re_packet_id"] = o.InRe, o.InRe.String(), hex16(o.InReID)
	return f, nil
}

func decodeOKBody(o *OK, want fields) (fields, error) {
	switch o.InRe {
	case VerbHello:
		h, err := ParseOKHello(o.Body)
		f := fields{
			"timestamp_echo": h.Time, "protocol_version": h.Protocol, "major": h.Major, "minor": h.Minor,
			"revision": h.Revision, "your_surface_address": nilText(h.SeenAt),
		}
		if _, ok := want["world_updates"]; ok {
			f["world_updates_length"], f["world_updates"] = len(h.Worlds), blob(h.Worlds)
		}
		return f, err
	case VerbWhois:
		ids, err := ParseWhoisReply(nil, o.Body)
		list := []string{}
		for _, id := range ids {
			list = append(list, id.String())
		}
		return fields{"identities": list}, err
	case VerbExtFrame:
		n, err := ErrorNetwork(o.Body)
		return fields{"network_id": networkText(n)}, err
	case VerbEcho:
		if _, ok := want["update_id"]; ok {
			return fields{"network_id": blob(o.Body[:8]), "update_id": blob(o.Body[8:])}, nil
		}
		if len(o.Body) == 0 {
			return fields{}, nil
		}
		return fields{"echo": blob(o.Body)}, nil
	case VerbNetworkConfigRequest:
		return decodeChunk(o.Body, want)
	case VerbMulticastGather:
		g, err := ParseGatherResult(o.Body)
		return fields{
			"network_id": networkText(g.Network), "mac": macText(g.Group.MAC), "adi": hex8(g.Group.ADI),
			"total_known": g.Total, "count": g.Members.Len(), "members": addressTexts(g.Members),
		}, err
	case VerbMulticastFrame:
		g, err := ParseOKMulticastFrame(o.Body)
		f := fields{
			"network_id": networkText(g.Network), "mac": macText(g.Group.MAC), "adi": hex8(g.Group.ADI), "flags": g.Flags,
			"total_known": g.Total, "count": g.Members.Len(), "members": addressTexts(g.Members),
		}
		if g.COM != nil {
			f["com"] = blob(g.COM)
		}
		return f, err
	}
	return nil, fmt.Errorf("no such OK: %s", o.InRe)
}

func encodeError(f fields) []byte {
	e := Error{InRe: Verb(f.num("in_re_verb")), InReID: f.hex("in_re_packet_id"), Code: ErrorCode(f.num("error_code"))}
	switch e.Code {
	case ErrorUnwantedMulticast:
		e.Body = UnwantedMulticast{f.network(), f.group("mac")}.Append(nil)
	case ErrorNetworkAuthenticationRequired:
		a := Authentication{Network: f.network()}
		d := ParseDictionary([]byte(f.text("data_text")), 0)
		a.Version = d.Uint64("aV", 0)
		a.URL, a.Issuer, a.Central = d.Text("aU", ""), d.Text("iU", ""), d.Text("aCU", "")
		a.Nonce, a.State, a.ClientID, a.Provider = d.Text("aN", ""), d.Text("aS", ""), d.Text("aCID", ""), d.Text("aSSOp", "")
		e.Body = a.Append(nil)
	default:
		if _, ok := f["network_id"]; ok {
			e.Body = f.network().Append(nil)
		}
	}
	return e.Append(nil)
}

func decodeError(p []byte, want fields) (fields, error) {
	e, err := ParseError(p)
	if err != nil {
		return nil, err
	}
	f := fields{
		"in_re_verb": e.InRe, "in_re_verb_name": e.InRe.String(), "in_re_packet_id": hex16(e.InReID),
		"error_code": e.Code, "error_name": e.Code.String(),
	}
	if len(e.Body) > 0 {
		n, err := ErrorNetwork(e.Body)
		if err != nil {
			return nil, err
		}
		f["network_id"] = networkText(n)
	}
	switch e.Code {
	case ErrorUnwantedMulticast:
		u, err := ParseUnwantedMulticast(e.Body)
		if err != nil {
			return nil, err
		}
		f["mac"], f["adi"] = macText(u.Group.MAC), hex8(u.Group.ADI)
	case ErrorNetworkAuthenticationRequired:
		a, usable, err := ParseAuthentication(e.Body)
		if err != nil || !usable {
			return nil, fmt.Errorf("usable %v, error %w", usable, err)
		}
		if text, ok := want["data_text"]; ok {
			f["data_text"], f["data_length"] = text, len(text.(string))
			d := ParseDictionary([]byte(text.(string)), 0)
			got := []string{a.URL, a.Issuer, a.Central, a.Nonce, a.State, a.ClientID, a.Provider}
			for i, k := range []string{"aU", "iU", "aCU", "aN", "aS", "aCID", "aSSOp"} {
				if got[i] != d.Text(k, "") {
					return nil, fmt.Errorf("%s = %q", k, got[i])
				}
			}
		}
	}
	return f, nil
}
