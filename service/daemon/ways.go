package daemon

// ways puts the settings into force that open another way to us than UDP: the
// TCP relay. The mapped port follows the sockets.
func (d *Daemon) ways() {
	s := &d.conf.get().Settings
	d.carrier.configure(relaySettings{allowed: s.AllowTCPFallbackRelay, forced: s.ForceTCPRelay, relay: s.TCPFallbackRelay})
}
