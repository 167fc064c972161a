package wire

import (
	"encoding/binary"
	"net/netip"

	"orrery/engine/clock"
	"orrery/engine/identity"
)

// codec turns a verb's payload into the vocabulary of the vectors and back.
// decode is given the vector's fields only to know which of several notations
// they use.
type codec struct {
	encode func(f fields) []byte
	decode func(payload []byte, want fields) (fields, error)
}

var codecs = map[Verb]codec{
	VerbNOP:                    {encodeNOP, decodeNOP},
	VerbHello:                  {encodeHello, decodeHello},
	VerbWhois:                  {encodeWhois, decodeWhois},
	VerbRendezvous:             {encodeRendezvous, decodeRendezvous},
	VerbFrame:                  {encodeFrame, decodeFrame},
	VerbExtFrame:               {encodeExtFrame, decodeExtFrame},
	VerbEcho:                   {encodeEcho, decodeEcho},
	VerbMulticastLike:          {encodeLike, decodeLike},
	VerbNetworkConfigRequest:   {encodeConfigRequest, decodeConfigRequest},
	VerbNetworkConfig:          {encodeChunk, decodeChunk},
	VerbMulticastGather:        {encodeGather, decodeGather},
	VerbMulticastFrame:         {encodeMulticastFrame, decodeMulticastFrame},
	VerbPushDirectPaths:        {encodePush, decodePush},
	VerbQOSMeasurement:         {encodeQOS, decodeQOS},
	VerbUserMessage:            {encodeUserMessage, decodeUserMessage},
	VerbRemoteTrace:            {encodeTrace, decodeTrace},
	VerbPathNegotiationRequest: {encodeNegotiation, decodeNegotiation},
	VerbOK:                     {encodeOK, decodeOK},
	VerbError:                  {encodeError, decodeError},
}

func encodeNOP(f fields) []byte { return f.bytes("ignored") }

func decodeNOP(p []byte, _ fields) (fields, error) {
	if len(p) == 0 {
		return fields{}, nil
	}
	return fields{"ignored": blob(p)}, nil
}

func encodeEcho(f fields) []byte { return f.bytes("data") }

func decodeEcho(p []byte, _ fields) (fields, error) {
	if len(p) == 0 {
		return fields{}, nil
	}
	return fields{"data": blob(p)}, nil
}

func encodeHello(f fields) []byte {
	h := Hello{
		Protocol: uint8(f.num("protocol_version")), Major: uint8(f.num("major")), Minor: uint8(f.num("minor")), Revision: uint16(f.num("revision")),
		Time: clock.Wall(f.num("timestamp")), Identity: f.identity("identity"),
	}
	if _, ok := f["sent_to"]; !ok {
		return h.Append(nil)[:helloMinLen]
	}
	h.SentTo = f.inet("sent_to")
	h.PlanetID, h.PlanetTime = f.hex("planet_id"), clock.Wall(f.num("planet_timestamp"))
	for _, m := range f.list("moons") {
		h.Moons = append(h.Moons, MoonRevision{m.hex("id"), clock.Wall(m.num("timestamp"))})
	}
	b := h.Append(nil)
	if _, ok := f["moons"]; !ok {
		return b[:h.TailOffset()]
	}
	return b
}

func decodeHello(p []byte, want fields) (fields, error) {
	h, tail, err := ParseHello(p)
	if err != nil {
		return nil, err
	}
	f := fields{
		"protocol_version": h.Protocol, "major": h.Major, "minor": h.Minor, "revision": h.Revision,
		"timestamp": h.Time, "identity": h.Identity.String(),
	}
	if len(p) > helloMinLen {
		f["sent_to"], f["planet_id"], f["planet_timestamp"] = nilText(h.SentTo), hex16(h.PlanetID), h.PlanetTime
	}
	if len(p) > tail {
		m, err := ParseHelloTail(p[tail:])
		if err != nil {
			return nil, err
		}
		moons := []fields{}
		for i := range m.Len() {
			if r, ok := m.At(i); ok {
				moons = append(moons, fields{"type": moonType, "id": hex16(r.ID), "timestamp": r.Time})
			}
		}
		f["moons"] = moons
	}
	return f, nil
}

func encodeWhois(f fields) []byte {
	return append(f.addresses("addresses"), f.bytes("ignored_trailing")...)
}

func decodeWhois(p []byte, _ fields) (fields, error) {
	a := ParseWhois(p)
	f := fields{"addresses": addressTexts(a)}
	if len(a) < len(p) {
		f["ignored_trailing"] = blob(p[len(a):])
	}
	return f, nil
}

func encodeRendezvous(f fields) []byte {
	ip, _ := netip.AddrFromSlice(f.bytes("address"))
	return Rendezvous{
		Flags: uint8(f.num("flags")), Peer: identity.Address(f.hex("peer")), At: netip.AddrPortFrom(ip, uint16(f.num("port"))),
	}.Append(nil)
}

func decodeRendezvous(p []byte, _ fields) (fields, error) {
	r, err := ParseRendezvous(p)
	ip := r.At.Addr().AsSlice()
	return fields{
		"flags": r.Flags, "peer": r.Peer.String(), "port": r.At.Port(), "address_length": len(ip), "address": blob(ip),
	}, err
}

func encodeFrame(f fields) []byte {
	return (&Frame{Network: f.network(), EtherType: uint16(f.hex("ethertype")), Data: f.bytes("frame")}).Append(nil)
}

func decodeFrame(p []byte, _ fields) (fields, error) {
	m, err := ParseFrame(p)
	return fields{"network_id": networkText(m.Network), "ethertype": hex4(m.EtherType), "frame": blob(m.Data)}, err
}

func encodeExtFrame(f fields) []byte {
	m := ExtFrame{
		Network: f.network(), Flags: uint8(f.num("flags")), COM: f.bytes("com"), To: identity.MAC(f.hex("to")),
		From: identity.MAC(f.hex("from")), EtherType: uint16(f.hex("ethertype")), Data: f.bytes("frame"),
	}
	b := m.Append(nil)
	if m.Flags&ExtFrameCOM == 0 {
		if head := AppendExtFrameHead(nil, m.Network, m.Flags, m.To, m.From, m.EtherType); string(head) != string(b[:ExtFrameHeadLen]) {
			panic("AppendExtFrameHead and Append differ")
		}
	}
	return b
}

func decodeExtFrame(p []byte, _ fields) (fields, error) {
	m, err := ParseExtFrame(p)
	f := fields{
		"network_id": networkText(m.Network), "flags": m.Flags, "subtype": m.Subtype(), "ack_requested": m.Flags&ExtFrameAcknowledge != 0,
		"to": macText(m.To), "from": macText(m.From), "ethertype": hex4(m.EtherType), "frame": blob(m.Data),
	}
	if m.COM != nil {
		f["com"] = blob(m.COM)
	}
	return f, err
}

func encodeLike(f fields) (b []byte) {
	for _, e := range f.list("entries") {
		b = MulticastLike{e.network(), e.group("mac")}.Append(b)
	}
	return b
}

func decodeLike(p []byte, _ fields) (fields, error) {
	m, err := ParseMulticastLikes(p)
	list := []fields{}
	for i := range m.Len() {
		e := m.At(i)
		list = append(list, fields{"network_id": networkText(e.Network), "mac": macText(e.Group.MAC), "adi": e.Group.ADI})
	}
	return fields{"entries": list}, err
}

func encodeConfigRequest(f fields) []byte {
	r := NetworkConfigRequest{
		Network: f.network(), Metadata: []byte(f.text("metadata_text")), Revision: uint64(f.num("have_revision")), Time: clock.Wall(f.num("have_timestamp")),
	}
	b := r.Append(nil)
	if _, ok := f["have_revision"]; !ok {
		return b[:len(b)-16]
	}
	return b
}

func decodeConfigRequest(p []byte, want fields) (fields, error) {
	r, err := ParseNetworkConfigRequest(p)
	f := fields{"network_id": networkText(r.Network), "metadata_length": len(r.Metadata), "metadata_text": string(r.Metadata)}
	if _, ok := want["have_revision"]; ok {
		f["have_revision"], f["have_timestamp"] = r.Revision, r.Time
	}
	return f, err
}

func encodeGather(f fields) []byte {
	return (&MulticastGather{
		Network: f.network(), Flags: uint8(f.num("flags")), Group: f.group("mac"), Limit: uint32(f.num("gather_limit")), COM: f.bytes("com"),
	}).Append(nil)
}

func decodeGather(p []byte, _ fields) (fields, error) {
	m, err := ParseMulticastGather(p)
	f := fields{
		"network_id": networkText(m.Network), "flags": m.Flags, "mac": macText(m.Group.MAC), "adi": hex8(m.Group.ADI), "gather_limit": m.Limit,
	}
	if m.COM != nil {
		f["com"] = blob(m.COM)
	}
	return f, err
}

func encodeMulticastFrame(f fields) []byte {
	m := MulticastFrame{
		Network: f.network(), Flags: uint8(f.num("flags")), COM: f.bytes("com"), GatherLimit: uint32(f.num("gather_limit")),
		Group: f.group("dest_mac"), EtherType: uint16(f.hex("ethertype")), Data: f.bytes("frame"),
	}
	if m.Flags&MulticastFrameSource != 0 {
		m.Source = identity.MAC(f.hex("source_mac"))
	}
	return m.Append(nil)
}

func decodeMulticastFrame(p []byte, _ fields) (fields, error) {
	m, err := ParseMulticastFrame(p)
	f := fields{
		"network_id": networkText(m.Network), "flags": m.Flags, "dest_mac": macText(m.Group.MAC), "adi": m.Group.ADI,
		"ethertype": hex4(m.EtherType), "frame": blob(m.Data),
	}
	if m.COM != nil {
		f["com"] = blob(m.COM)
	}
	if m.Flags&MulticastFrameGather != 0 {
		f["gather_limit"] = m.GatherLimit
	}
	if m.Flags&MulticastFrameSource != 0 {
		f["source_mac"] = macText(m.Source)
	}
	return f, err
}

// encodePush has no form for records of unknown types, which nothing sends.
func encodePush(f fields) []byte {
	b := binary.BigEndian.AppendUint16(nil, uint16(len(f.list("paths"))))
	for _, r := range f.list("paths") {
		p := PathRecord{Flags: uint8(r.num("flags")), Extended: r.bytes("extended")}
		switch a := r.bytes("address"); r.num("address_type") {
		case 4:
			p.Address = inet4(a)
		case 6:
			p.Address = inet6(a)
		default:
			b = append(b, p.Flags, 0, 0, byte(r.num("address_type")), byte(len(a)))
			b = append(b, a...)
			continue
		}
		b = p.Append(b)
	}
	return b
}

func decodePush(p []byte, want fields) (fields, error) {
	r, err := ParsePushDirectPaths(p)
	if err != nil {
		return nil, err
	}
	list := []fields{}
	for i := 0; ; i++ {
		e, ok := r.Next()
		if !ok {
			return fields{"paths": list}, r.Err()
		}
		f := fields{"flags": e.Flags, "extended": blob(e.Extended)}
		switch ip := e.Address.Addr(); {
		case ip.Is4():
			f["address_type"], f["address_length"] = 4, pathIPv4Len
			f["address"] = blob(binary.BigEndian.AppendUint16(ip.AsSlice(), e.Address.Port()))
		case ip.Is6():
			f["address_type"], f["address_length"] = 6, pathIPv6Len
			f["address"] = blob(binary.BigEndian.AppendUint16(ip.AsSlice(), e.Address.Port()))
		default: // what is in it is of no interest
			for _, k := range []string{"address_type", "address_length", "address"} {
				f[k] = want.list("paths")[i][k]
			}
		}
		list = append(list, f)
	}
}

func encodeQOS(f fields) (b []byte) {
	for _, r := range f.list("records") {
		b = QOSRecord{r.hex("packet_id"), uint16(r.num("holding_time_ms"))}.Append(b)
	}
	return b
}

func decodeQOS(p []byte, _ fields) (fields, error) {
	m, err := ParseQOSMeasurement(p)
	list := []fields{}
	for i := range m.Len() {
		list = append(list, fields{"packet_id": hex16(m.At(i).PacketID), "holding_time_ms": m.At(i).Held})
	}
	return fields{"records": list}, err
}

func encodeUserMessage(f fields) []byte {
	return UserMessage{f.hex("type"), f.bytes("data")}.Append(nil)
}

func decodeUserMessage(p []byte, _ fields) (fields, error) {
	m, err := ParseUserMessage(p)
	return fields{"type": hex16(m.Type), "data": blob(m.Data)}, err
}

func encodeTrace(f fields) (b []byte) {
	for _, s := range f.texts("dictionaries") {
		b = AppendRemoteTrace(b, []byte(s))
	}
	return b
}

func decodeTrace(p []byte, _ fields) (fields, error) {
	list := []string{}
	for {
		text, rest, ok := NextRemoteTrace(p)
		if !ok {
			return fields{"dictionaries": list}, nil
		}
		list, p = append(list, string(text)), rest
	}
}

func encodeNegotiation(f fields) []byte {
	return PathNegotiationRequest{int16(f.num("utility"))}.Append(nil)
}

func decodeNegotiation(p []byte, _ fields) (fields, error) {
	m, err := ParsePathNegotiationRequest(p)
	return fields{"utility": m.Utility}, err
}
