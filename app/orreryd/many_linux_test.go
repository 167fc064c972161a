package main

import (
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"orrery/engine/clock"
	"orrery/engine/credential"
	"orrery/engine/identity"
	"orrery/engine/netconf"
	"orrery/service/ipc"
)

const (
	manyNetworks = 100
	// manyMemory is what a joined network may take of the computer's memory. It
	// takes 0.1 MB.
	manyMemory = 1 << 20 / 2
	// manyTime is what the start may take on a machine that does much else. On
	// its own it takes less than one second.
	manyTime = 20 * time.Second
)

// remember writes n configurations of an earlier run into the computer's home,
// of networks of a controller that is away.
func (b *box) remember(n int) {
	t := b.lab.t
	t.Helper()
	controller := b.lab.boxes[0].secret
	for i := range n {
		id := identity.NetworkID(uint64(controller.Address)<<24 | uint64(i+1))
		now := clock.Wall(time.Now().UnixMilli())
		address := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 150, byte(i), 1}), 24)
		c := netconf.Config{
			Network: id, Timestamp: now, MaxDelta: netconf.DefaultMaxDelta, Revision: 1, IssuedTo: b.secret.Address,
			Flags: netconf.FlagBroadcast, MulticastLimit: netconf.DefaultMulticastLimit, Name: fmt.Sprintf("net %d", i), MTU: netconf.DefaultMTU,
			Routes:    []netconf.Route{{Target: address.Masked()}},
			Addresses: []netip.Prefix{address, identity.RFC4193(id, b.secret.Address)},
			Rules:     netconf.AcceptRules(),
		}
		c.Membership = credential.NewMembership(id, b.secret.Identity, now, netconf.DefaultMaxDelta)
		c.Membership.Sign(controller)
		b.write("networks.d/"+id.String()+".conf", c.Append(nil))
	}
}

// resident is how much of the machine's memory the computer's node has.
func (b *box) resident() int {
	t := b.lab.t
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", b.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	kb, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return kb << 10
}

// TestManyNetworks starts a node that has joined a hundred networks.
func TestManyNetworks(t *testing.T) {
	t.Parallel()
	l := newLab(t, "root", "b", "c")
	without, with := l.boxes[1], l.boxes[2]
	with.remember(manyNetworks)
	without.start("--port", "9993")
	begun := time.Now()
	with.start("--port", "9993")
	until(t, manyTime, "hundred networks", func() error {
		list, err := with.client.Networks(ctx(t))
		if err != nil {
			return err
		}
		ready := 0
		for i := range list {
			if n := &list[i]; n.Status == ipc.OK && n.Device != "" && len(n.Addresses) == 2 {
				ready++
			}
		}
		if ready < manyNetworks {
			return fmt.Errorf("%d are ready", ready)
		}
		return nil
	})
	t.Logf("listed after %v", time.Since(begun))
	until(t, manyTime, "their addresses", func() error {
		n := 0
		for _, l := range with.links() {
			if len(l.addresses()) == 2 {
				n++
			}
		}
		if n < manyNetworks {
			return fmt.Errorf("%d have", n)
		}
		return nil
	})
	t.Logf("%d networks are ready %v after the start", manyNetworks, time.Since(begun))
	base, full := without.resident(), with.resident()
	t.Logf("memory: %d KiB without, %d KiB with networks: %d KiB for each", base>>10, full>>10, (full-base)/manyNetworks>>10)
	if each := (full - base) / manyNetworks; each > manyMemory {
		t.Errorf("a network takes %d bytes, more than %d", each, manyMemory)
	}
}
