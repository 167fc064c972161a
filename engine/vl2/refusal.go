package vl2

import (
	"encoding/binary"
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
			s.groups.remove(groupKey{id, u.Group}, in.From.Address)
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
		if auth, ok := parseAuthentication(body[8:]); ok {
			s.fail(at, nw, StatusAuthenticationRequired, auth)
		}
	}
}

// Limits of the texts in an authentication dictionary (spec 02 §11). One that
// is longer is left out rather than cut.
const (
	authCapacity = 8192
	maxURL       = 2047
	maxNonce     = 63
	maxState     = 127
	maxClientID  = 255
	maxProvider  = 63
)

// parseAuthentication reads what follows the network ID in an ERROR
// NETWORK_AUTHENTICATION_REQUIRED. It is false for one to be ignored (spec 04
// §14.4). Unlike the reference it takes an empty URL, which controllers without
// a sign-in page send, as "required, page unknown".
func parseAuthentication(b []byte) (a Authentication, ok bool) {
	if len(b) <= 2 {
		return a, true
	}
	n := int(binary.BigEndian.Uint16(b))
	if n > len(b)-2 {
		return a, false
	}
	d := wire.ParseDictionary(b[2:2+n], authCapacity)
	switch d.Uint64("aV", 0) {
	case 0:
		return Authentication{URL: secureURL(&d, "aU")}, true
	case 1:
		return Authentication{
			Version: 1, Issuer: secureURL(&d, "iU"), CentralURL: secureURL(&d, "aCU"),
			Nonce: short(&d, "aN", maxNonce, ""), State: short(&d, "aS", maxState, ""),
			ClientID: short(&d, "aCID", maxClientID, ""), Provider: short(&d, "aSSOp", maxProvider, "default"),
		}, true
	}
	return a, false
}

// secureURL is a URL that a browser may be sent to, or empty.
func secureURL(d *wire.Dictionary, key string) string {
	if u := short(d, key, maxURL, ""); strings.HasPrefix(u, "https://") {
		return u
	}
	return ""
}

func short(d *wire.Dictionary, key string, limit int, otherwise string) string {
	if v := d.Text(key, otherwise); len(v) <= limit {
		return v
	}
	return otherwise
}
