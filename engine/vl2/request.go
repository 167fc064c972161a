package vl2

import (
	"orrery/engine/clock"
	"orrery/engine/netconf"
	"orrery/engine/vl1"
	"orrery/engine/wire"
)

// requestState is when a network's configuration was asked for.
type requestState struct {
	last clock.Mono
	// unanswered counts requests since the controller last said anything.
	unanswered int
	// refusedSince is when the controller began to refuse us, [clock.Never] if
	// it does not.
	refusedSince clock.Mono
	// silentSince is when the first of the unanswered requests was sent,
	// [clock.Never] if the last one was answered.
	silentSince clock.Mono
	// token is a join token, sent along while there is one.
	token string
}

// answered notes that the controller has said something.
func (r *requestState) answered() { r.unanswered, r.silentSince = 0, clock.Never }

// Silence is since when the controller has not answered requests. ok is false
// while it answers, or cannot be late yet.
func (nw *Network) Silence() (since clock.Mono, ok bool) {
	return nw.request.silentSince, nw.controller != 0 && nw.request.silentSince != clock.Never && nw.request.unanswered > requestSoon
}

// SetToken sets a token with which the network's controller may admit us
// unasked; empty for none (spec 04 §4.1, key a). A new one is tried at once if
// the controller has refused us.
func (s *Switch) SetToken(at clock.Instant, nw *Network, token string) {
	if nw.request.token == token {
		return
	}
	nw.request.token = token
	if token != "" && nw.Status() != StatusOK {
		s.requestConfig(at, nw)
	}
}

// refetch asks for the configuration until it comes, however new the one held
// is.
func (s *Switch) refetch(at clock.Instant, nw *Network) {
	if nw.controller == 0 {
		return
	}
	nw.lastConfig = clock.Never
	s.requestConfig(at, nw)
}

// RequestConfig asks for the network's configuration now, for example after the
// user has signed in.
func (s *Switch) RequestConfig(at clock.Instant, nw *Network) { s.requestConfig(at, nw) }

// requestDue reports whether a configuration is to be asked for: when there is
// none or it is a minute old, every 5 s until it comes (spec 04 §2.4).
func (s *Switch) requestDue(at clock.Instant, nw *Network) bool { return at.Mono >= s.nextRequest(nw) }

// noDeadline is later than any instant that comes.
const noDeadline clock.Mono = 1 << 62

// nextRequest is when the next request is due.
func (s *Switch) nextRequest(nw *Network) clock.Mono {
	if nw.controller == 0 {
		return noDeadline // made on joining, for good
	}
	retry := s.stretched(requestRetry, 5)
	if n := nw.request.unanswered; n > 0 && n <= requestSoon {
		// Lost, or too soon after another of ours, as after a restart.
		retry = requestRetrySoon
	}
	if since := nw.request.refusedSince; since != clock.Never && nw.request.last-since >= requestPatience {
		retry = max(retry, requestRetrySlow)
	}
	if since := nw.request.silentSince; since != clock.Never && nw.config != nil && nw.request.last-since >= silencePatience {
		retry = max(retry, requestRetrySlow)
	}
	next := nw.request.last + retry
	if nw.config != nil {
		next = max(next, nw.lastConfig+s.stretched(configRefresh, 64))
	}
	return next
}

// requestConfig asks the controller for the configuration; on an ad-hoc network
// it makes it.
func (s *Switch) requestConfig(at clock.Instant, nw *Network) {
	nw.request.last = at.Mono
	if nw.request.unanswered++; nw.request.silentSince == clock.Never {
		nw.request.silentSince = at.Mono
	}
	if nw.controller == 0 {
		s.adHoc(at, nw)
		return
	}
	meta := s.cfg.Metadata
	meta.Token = nw.request.token
	dict := meta.Append(s.scratch.body[:0])
	s.scratch.body = dict
	if nw.controller == s.self.Address {
		if c := s.cfg.LocalController; c != nil {
			c.Request(at, s.self, nw.id, wire.ParseDictionary(dict, wire.MetadataCapacity), nil)
		} else {
			s.fail(at, nw, StatusNotFound, Authentication{})
		}
		return
	}
	r := netconf.Request(nw.id, dict, nw.config)
	s.link.Send(at, nw.controller, wire.VerbNetworkConfigRequest, r.Append(nil), nil, true)
}

// adHoc configures a network without controller, once: nothing in what we would
// make again differs but its time (spec 04 §6).
func (s *Switch) adHoc(at clock.Instant, nw *Network) {
	if nw.config != nil {
		return
	}
	if c, ok := netconf.AdHoc(nw.id, s.self.Address, at.Wall); ok {
		s.takeConfig(at, nw, c)
	} else if netconf.FormOf(nw.id) == netconf.AdHocBadPorts {
		s.fail(at, nw, StatusNotFound, Authentication{})
	}
}

// handleConfigRequest passes a request to our controller, or says that there is
// none.
func (s *Switch) handleConfigRequest(at clock.Instant, in *vl1.Inbound) vl1.Disposition {
	r, err := wire.ParseNetworkConfigRequest(in.Payload)
	c := s.cfg.LocalController
	if c == nil {
		if len(in.Payload) < 8 {
			return vl1.Dropped
		}
		s.link.ReplyError(at, in, wire.VerbNetworkConfigRequest, wire.ErrorUnsupportedOperation, r.Network.Append(s.scratch.head[:0]))
		return vl1.Received
	}
	if err != nil {
		return vl1.Dropped
	}
	c.Request(at, in.From, r.Network, wire.ParseDictionary(r.Metadata, wire.MetadataCapacity), in)
	return vl1.Received
}
