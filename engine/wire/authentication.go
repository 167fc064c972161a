package wire

import (
	"encoding/binary"

	"orrery/engine/identity"
)

// Keys of authentication data (spec 02 §11).
const (
	authVersion  = "aV"
	authURL      = "aU"
	authIssuer   = "iU"
	authCentral  = "aCU"
	authNonce    = "aN"
	authState    = "aS"
	authClient   = "aCID"
	authProvider = "aSSOp"
)

// Limits of authentication data in bytes, a terminating NUL included.
const (
	authCapacity = 8192
	maxAuthURL   = 2048
	maxAuthNonce = 64
	maxAuthState = 128
	maxAuthID    = 256
	maxAuthName  = 64
)

// Authentication is the body of ERROR_NETWORK_AUTHENTICATION_REQUIRED: where a
// member has to log in (spec 02 §11).
type Authentication struct {
	Network identity.NetworkID
	// Version says which of the fields below there are: only URL for 0, all
	// others for 1.
	Version uint64
	// URL is a page to open, empty if the controller named none.
	URL string
	// Issuer and Central are the OpenID issuer and the controller's endpoint.
	Issuer, Central string
	// Nonce, State, ClientID and Provider are parameters of OpenID.
	Nonce, State, ClientID, Provider string
}

// Append appends the body, without data for version 0 without a URL: the
// reference understands that as "somewhere", but ignores an empty URL. Values
// over their limits are left out or cut by receivers.
func (a *Authentication) Append(b []byte) []byte {
	b = a.Network.Append(b)
	if a.Version == 0 && a.URL == "" {
		return b
	}
	d := DictionaryWriter{capacity: authCapacity}
	d.AddUint64(authVersion, a.Version)
	if a.Version == 0 {
		d.AddText(authURL, a.URL)
	} else {
		d.AddText(authIssuer, a.Issuer)
		d.AddText(authCentral, a.Central)
		d.AddText(authNonce, a.Nonce)
		d.AddText(authState, a.State)
		d.AddText(authClient, a.ClientID)
		d.AddText(authProvider, a.Provider)
	}
	b = binary.BigEndian.AppendUint16(b, uint16(len(d.Bytes())))
	return append(b, d.Bytes()...)
}

// ParseAuthentication reads the body. If it has no data, URL is empty. usable is
// false for data that is cut off or of an unknown version: the packet then has no
// effect but counts as received. Texts over their limits, which the reference
// cuts, are left out, as half of one leads nowhere. The error is ErrTruncated
// for a body without network ID.
func ParseAuthentication(body []byte) (a Authentication, usable bool, err error) {
	if len(body) < networkLen {
		return a, false, ErrTruncated
	}
	a.Network = identity.NetworkIDFrom(body)
	data := body[networkLen:]
	if len(data) <= 2 {
		return a, true, nil
	}
	n := int(binary.BigEndian.Uint16(data))
	if len(data)-2 < n {
		return a, false, nil
	}
	d := ParseDictionary(data[2:2+n], authCapacity)
	text := func(key string, size int, def string) string {
		if v := d.Text(key, def); len(v) < size {
			return v
		}
		return def
	}
	a.Version = d.Uint64(authVersion, 0)
	switch a.Version {
	case 0:
		a.URL = text(authURL, maxAuthURL, "")
		return a, true, nil
	case 1:
		a.Issuer, a.Central = text(authIssuer, maxAuthURL, ""), text(authCentral, maxAuthURL, "")
		a.Nonce, a.State = text(authNonce, maxAuthNonce, ""), text(authState, maxAuthState, "")
		a.ClientID = text(authClient, maxAuthID, "")
		a.Provider = text(authProvider, maxAuthName, "default")
		return a, true, nil
	}
	return a, false, nil
}
