package vl2

import (
	"strings"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/vl1"
	"orrery/engine/wire"
)

// HandleError processes an ERROR with a code that concerns networks; others are
// Received. It need not answer something that we sent, so what counts is who
// sent it (spec 04 §2.3).
func (s *Switch) HandleError(at clock.Instant, inRe wire.Verb, code wire.ErrorCode, in *vl1.Inbound) vl1.Disposition {
	switch code {
	case wire.ErrorObjectNotFound, wire.ErrorUnsupportedOperation:
		if inRe != wire.VerbNetworkConfigRequest {
			return vl1.Received
		}
	case wire.ErrorNeedMembershipCertificate, wire.ErrorNetworkAccessDenied,
		wire.ErrorUnwantedMulticast, wire.ErrorNetworkAuthenticationRequired:
	default:
		return vl1.Received
	}
	id, err := wire.ErrorNetwork(in.Payload)
	if err != nil {
		return vl1.Dropped
	}
	nw := s.find(id)
	if nw == nil {
		return vl1.Received
	}
	switch code {
	case wire.ErrorNeedMembershipCertificate:
		s.pushRequested(at, nw, in.From.Address)
	case wire.ErrorUnwantedMulticast:
		u, err := wire.ParseUnwantedMulticast(in.Payload)
		if err != nil {
			return vl1.Dropped
		}
		if s.admit(at, nw, &in.From) != nil {
			s.groups.leave(at.Mono, groupKey{id, u.Group}, in.From.Address)
		}
	default:
		if in.From.Address == nw.controller {
			s.controllerRefused(at, nw, code, in.Payload)
		}
	}
	return vl1.Received
}

// LocalError takes the refusal of our own controller. body is that of the ERROR
// it would send, from the network ID on.
func (s *Switch) LocalError(at clock.Instant, id identity.NetworkID, code wire.ErrorCode, body []byte) {
	if nw := s.find(id); nw != nil && nw.controller == s.self.Address && len(body) >= 8 {
		s.controllerRefused(at, nw, code, body)
	}
}

// controllerRefused records what the controller answered in place of a
// configuration.
func (s *Switch) controllerRefused(at clock.Instant, nw *Network, code wire.ErrorCode, body []byte) {
	switch code {
	case wire.ErrorObjectNotFound, wire.ErrorUnsupportedOperation:
		s.fail(at, nw, StatusNotFound, Authentication{})
	case wire.ErrorNetworkAccessDenied:
		s.fail(at, nw, StatusAccessDenied, Authentication{})
	case wire.ErrorNetworkAuthenticationRequired:
		if a, usable, err := wire.ParseAuthentication(body); usable && err == nil {
			s.fail(at, nw, StatusAuthenticationRequired, authentication(&a))
		}
	}
}

// authentication is what a user may be shown of a controller's wish for a log-in.
func authentication(a *wire.Authentication) Authentication {
	return Authentication{
		Version: int(a.Version), URL: secure(a.URL), Issuer: secure(a.Issuer), CentralURL: secure(a.Central),
		Nonce: a.Nonce, State: a.State, ClientID: a.ClientID, Provider: a.Provider,
	}
}

// secure is a URL that a browser may be sent to, or empty.
func secure(url string) string {
	if strings.HasPrefix(url, "https://") {
		return url
	}
	return ""
}
