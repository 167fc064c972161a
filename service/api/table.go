package api

import (
	"net/http"

	"orrery/service/ipc"
)

// table lists every call of the local API, apart from the reference's API under
// /v1/reference, whose table is in [NewReference].
func (s *Server) table() table {
	const get, post, patch, del = http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete
	return table{
		{get, "/v1/whoami", ipc.Observer, "asking who one is", "", s.whoami},
		{get, "/v1/status", ipc.Observer, "reading the status", "orreryctl info", s.status},
		{get, "/v1/snapshot", ipc.Observer, "reading the status", "orreryctl info", s.snapshot},
		{get, eventsPath, ipc.Observer, "following the status", "", s.events},

		{get, "/v1/networks", ipc.Observer, "listing networks", "orreryctl listnetworks", s.networks},
		{get, "/v1/networks/{network}", ipc.Observer, "reading a network", "orreryctl listnetworks", s.network},
		{post, "/v1/networks/{network}", ipc.Operator, "joining a network", "orreryctl join {network}", s.join},
		{patch, "/v1/networks/{network}", ipc.Operator, "changing a network's settings", "orreryctl set {network} SETTING=VALUE", s.setNetwork},
		{get, "/v1/networks/{network}/invite", ipc.Operator, "making an invite", "orreryctl invite {network}", s.invite},
		{del, "/v1/networks/{network}", ipc.Operator, "leaving a network", "orreryctl leave {network}", s.leave},
		{get, "/v1/networks/{network}/rules", ipc.Operator, "reading a network's rules", "orreryctl rules show {network}", s.rules},
		{post, "/v1/networks/{network}/rules/explain", ipc.Operator, "asking what rules do to a frame", "orreryctl rules explain {network} FRAME", s.explainFrame},

		{get, "/v1/networks/{network}/bridge", ipc.Operator, "listing who is behind bridges", "orreryctl bridge {network}", s.bridgedHosts},

		{get, "/v1/peers", ipc.Observer, "listing peers", "orreryctl peers", s.peers},
		{get, "/v1/peers/{address}", ipc.Observer, "reading a peer", "orreryctl peers", s.peer},

		{get, "/v1/trust", ipc.Observer, "listing trust records", "orreryctl trust list", s.trust},
		{get, "/v1/trust/{address}", ipc.Observer, "reading a trust record", "orreryctl trust show {address}", s.trustRecord},
		{patch, "/v1/trust/{address}", ipc.Operator, "changing whom to trust", "orreryctl trust verify {address}", s.updateTrust},
		{del, "/v1/trust/{address}", ipc.Operator, "changing whom to trust", "orreryctl trust forget {address}", s.forgetTrust},
		{get, "/v1/verify/{address}", ipc.Observer, "comparing identities", "orreryctl verify {address}", s.verify},

		{get, "/v1/planet", ipc.Observer, "reading the planet", "orreryctl planet show", s.planet},
		{get, "/v1/moons", ipc.Observer, "listing moons", "orreryctl listmoons", s.moons},
		{post, "/v1/moons/{moon}", ipc.Administrator, "using a moon", "orreryctl orbit {moon} SEED", s.orbit},
		{del, "/v1/moons/{moon}", ipc.Administrator, "leaving a moon", "orreryctl deorbit {moon}", s.deorbit},
		{post, "/v1/worlds", ipc.Administrator, "choosing a planet or moon", "orreryctl planet use FILE", s.useWorld},

		{get, "/v1/config", ipc.Operator, "reading the configuration", "orreryctl /config", s.config},
		{patch, "/v1/config/settings", ipc.Administrator, "changing global settings", "", s.putSettings},
		{get, "/v1/doctor", ipc.Observer, "examining the service", "orreryctl doctor", s.doctor},
		{get, "/v1/log", ipc.Operator, "reading the log", "orreryctl trace", s.logLines},
		{get, "/v1/metrics", ipc.Observer, "reading measurements", "orreryctl metrics", s.metrics},
		{get, metricsPath, ipc.Observer, "reading measurements", "orreryctl metrics", s.metrics},
		{get, "/v1/diagnostics", ipc.Operator, "reading the diagnostics", "orreryctl dump", s.diagnostics},
	}
}
