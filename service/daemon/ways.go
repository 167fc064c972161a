package daemon

// ways puts the settings into force that open other ways to us than plain UDP:
// the mapped port and the TCP relay.
func (d *Daemon) ways() {
	s := &d.conf.get().Settings
	port := 0
	if s.PortMapping && !s.ForceTCPRelay {
		ports := d.sockets.Ports()
		port = ports[len(ports)-1]
	}
	d.mapping.want(port)
	d.carrier.configure(relaySettings{allowed: s.AllowTCPFallbackRelay, forced: s.ForceTCPRelay, relay: s.TCPFallbackRelay})
}
