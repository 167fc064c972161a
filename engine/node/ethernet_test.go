package node

import (
	"testing"

	"orrery/engine/identity"
	"orrery/engine/netconf"
)

// TestEthernetDeviceIsSpared: a device gets no frames that are longer than it
// takes, nor, unless it is a bridge's, frames for others.
func TestEthernetDeviceIsSpared(t *testing.T) {
	t.Parallel()
	v := loadNetworkVectors(t)
	p := newPlayer(t, v, &networkCase{Name: "spared"})
	conf, _ := p.network("public")
	var out Outbox
	c, at := p.c, p.now
	s := netconf.DefaultSettings()
	s.Port = "tap"
	c.Join(at, vectorNetwork, s, conf, &out)
	port := c.ports[vectorNetwork]
	const host identity.MAC = 0x00163e000001
	for _, x := range []struct {
		what      string
		dst       identity.MAC
		etherType uint16
		length    int
		super     bool
		want      int
	}{
		{"for us", port.mac, 0x0800, port.mtu, false, 1},
		{"for all", identity.Broadcast, 0x0806, 46, false, 1},
		{"for a group", 0x01005e0000fb, 0x0800, 46, false, 1},
		{"too long", port.mac, 0x0800, port.mtu + 1, false, 0},
		{"as long with a tag", port.mac, 0x8100, port.mtu + 4, false, 1},
		{"too long with a tag", port.mac, 0x88a8, port.mtu + 5, false, 0},
		{"for another host", 0x00163e000002, 0x0800, 46, false, 0},
		{"a copy that rules sent here", 0x00163e000002, 0x0800, 46, true, 1},
	} {
		out.Reset()
		c.begin(at, &out)
		port.fromNetwork(c, at, host, x.dst, x.etherType, make([]byte, x.length), x.super)
		c.end()
		if len(out.Deliver) != x.want {
			t.Errorf("%s: %d frames to the device", x.what, len(out.Deliver))
		}
	}
	m := c.NetworkMeters()[0]
	if m.Oversize != 2 || m.Strays != 1 {
		t.Errorf("%d too long, %d astray", m.Oversize, m.Strays)
	}
}
