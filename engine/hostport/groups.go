package hostport

import (
	"cmp"
	"net/netip"
	"slices"

	"orrery/engine/clock"
	"orrery/engine/ether"
	"orrery/engine/identity"
)

const (
	// snoopedFor is how long a report counts that is not repeated.
	snoopedFor = 300 * clock.Second
	// hostQueryInterval is how often the host is asked to repeat its reports.
	hostQueryInterval = 125 * clock.Second
)

// snooped is a group that the host reported to have joined.
type snooped struct {
	group netip.Addr
	until clock.Mono
}

// Groups are the multicast groups that the network should deliver here, sorted
// by MAC and ADI. The broadcast group without ADI is the network's to add (spec
// 04 §15.4).
func (p *Port) Groups() []identity.MulticastGroup { return slices.Clone(p.groups) }

// GroupVersion changes whenever [Port.Groups] does.
func (p *Port) GroupVersion() uint32 { return p.groupVersion }

// SetHostGroups tells which groups programs of the host have joined, where the
// system can be asked. From then on the host is not queried, and reports count
// until they expire or the list confirms them.
func (p *Port) SetHostGroups(groups []netip.Addr) {
	p.hasList, p.queryDue = true, idle
	p.listed = p.listed[:0]
	for _, g := range groups {
		if g.IsMulticast() && len(p.listed) < MaxGroups {
			p.listed = append(p.listed, g)
		}
	}
	p.updateGroups()
}

// updateGroups works out the group set anew.
func (p *Port) updateGroups() {
	var set []identity.MulticastGroup
	add := func(g identity.MulticastGroup) {
		if len(set) < MaxGroups {
			set = append(set, g)
		}
	}
	if p.up {
		v4, v6 := p.families()
		if v4 {
			add(identity.MulticastGroup{MAC: ether.AllSystems})
		}
		if v6 {
			add(identity.MulticastGroup{MAC: ether.AllNodes})
		}
		for _, o := range p.own {
			add(identity.ResolutionGroup(o.Addr()))
		}
		for _, g := range p.listed {
			add(identity.MulticastGroup{MAC: ether.MulticastMAC(g)})
		}
		for _, s := range p.snooped {
			add(identity.MulticastGroup{MAC: ether.MulticastMAC(s.group)})
		}
	}
	slices.SortFunc(set, identity.MulticastGroup.Compare)
	set = slices.Compact(set)
	if !slices.Equal(set, p.groups) {
		p.groups = set
		p.groupVersion++
	}
}

// families reports which of the two the port has an address of.
func (p *Port) families() (v4, v6 bool) {
	for _, o := range p.own {
		if o.Addr().Is4() {
			v4 = true
		} else {
			v6 = true
		}
	}
	return v4, v6
}

// joined reports whether a group with this MAC is in the set, whatever its ADI.
func (p *Port) joined(mac identity.MAC) bool {
	_, ok := slices.BinarySearchFunc(p.groups, mac, func(g identity.MulticastGroup, mac identity.MAC) int {
		return cmp.Compare(g.MAC, mac)
	})
	return ok
}

// reported4 takes an IGMP message of the host and reports whether the packet
// goes on.
func (p *Port) reported4(now clock.Mono, ip ether.IPv4) bool {
	if ip.FirstFragment() {
		if m, err := ether.ParseIGMP(ip.Payload()); err == nil {
			p.reported(now, m)
		}
	}
	if !p.set.SendReports {
		p.drop(DropHostDiscovery)
	}
	return p.set.SendReports
}

// reported6 takes an MLD message of the host and reports whether the packet goes
// on.
func (p *Port) reported6(now clock.Mono, ip ether.IPv6) bool {
	if m, err := ether.ParseMLD(ip); err == nil {
		p.reported(now, m)
	}
	return p.set.SendReports
}

func (p *Port) reported(now clock.Mono, m ether.Memberships) {
	changed := false
	for group, joined, ok := m.Next(); ok; group, joined, ok = m.Next() {
		i, found := slices.BinarySearchFunc(p.snooped, group, func(s snooped, g netip.Addr) int { return s.group.Compare(g) })
		switch {
		case joined && found:
			p.snooped[i].until = now + snoopedFor
		case joined && len(p.snooped) < MaxGroups:
			p.snooped = slices.Insert(p.snooped, i, snooped{group, now + snoopedFor})
			changed = true
		case !joined && found:
			p.snooped = slices.Delete(p.snooped, i, i+1)
			changed = true
		}
	}
	if len(p.snooped) > 0 {
		p.snoopDue = min(p.snoopDue, now+snoopedFor)
	}
	if changed {
		p.updateGroups()
	}
}

// expireSnooped drops reports that were not repeated and finds the next to
// expire.
func (p *Port) expireSnooped(now clock.Mono) {
	p.snooped = slices.DeleteFunc(p.snooped, func(s snooped) bool { return now >= s.until })
	p.snoopDue = idle
	for _, s := range p.snooped {
		p.snoopDue = min(p.snoopDue, s.until)
	}
	p.updateGroups()
}

// queryHost asks the host which groups it has joined. The questions come from no
// address, and from the link-local address of a member that cannot exist.
func (p *Port) queryHost(now clock.Mono, out Output) {
	p.queryDue = now + hostQueryInterval
	v4, v6 := p.families()
	if v4 {
		p.buf = ether.AppendIGMPQuery(p.buf[:0])
		out.ToHost(p.buf)
	}
	if v6 {
		p.buf = ether.AppendMLDQuery(p.buf[:0], identity.LinkLocal(identity.MACOf(p.cfg.Network, 0)))
		out.ToHost(p.buf)
	}
}
