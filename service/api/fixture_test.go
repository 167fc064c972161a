package api_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"testing"
	"time"

	"orrery/engine/identity"
	"orrery/service/api/apitest"
	"orrery/service/caller"
	"orrery/service/ipc"
)

// Identities of the reference's capture.
const (
	selfText = "294551b91f:0:95c11fbd0ce4c1bc28cf3117b792aaaa8a582232916ecf672cc586992e7a49603c3a8e4114ce3a3b4e1ebcaaa138da0d980bca7360411000586711a324b91934"
	peerText = "e285b97aef:0:1c64aedf1b3f80405f5c121a3d5263e66b4939bddc63a6f64da78ca9472e4f171bdfaf434c4596fea325fc82e2b047771cfa5be0be45789000e40f8171bcb7da"
	nwid     = "294551b91fabcdef"
	peerAddr = "e285b97aef"
)

// fixture is a backend with one of everything, secrets included.
func fixture(t testing.TB) *apitest.Backend {
	t.Helper()
	self, err := identity.Parse(selfText)
	if err != nil {
		t.Fatal(err)
	}
	at := time.UnixMilli(1_795_312_941_120).UTC()
	on := true
	b := &apitest.Backend{
		Self: self,
		State: ipc.Snapshot{
			Status: ipc.Status{Address: self.Address.String(), Identity: selfText, Version: "0.1.0", Online: true, Port: 9993, Surface: []string{"203.0.113.7:9993"}, StartedAt: at},
			Networks: []ipc.Network{{
				ID: nwid, Name: "vec net", Status: ipc.AuthRequired, Type: "PRIVATE", MTU: 2800, AuthURL: "https://sso.example/?nonce=secret",
				Standing:  ipc.Standing{Advice: "Open https://sso.example/?nonce=secret in a browser."},
				Addresses: []string{"10.147.17.1/24"}, Settings: ipc.NetworkSettings{AllowManaged: &on},
			}},
			Peers: []ipc.Peer{{
				Address: peerAddr, Identity: peerText, Role: "LEAF", Version: "1.14.1", LatencyMs: 14, Direct: true, Trust: ipc.Seen,
				Paths: []ipc.Path{{Address: "198.51.100.9:21362", LastSend: at, LastReceive: at, Active: true, Preferred: true, LocalPort: 9993}},
			}},
			Trust:  []ipc.TrustRecord{{Address: peerAddr, Identity: peerText, State: ipc.Seen, FirstSeen: at, Changed: at, How: "first contact", Note: "owes me a beer"}},
			Alerts: []ipc.Alert{{ID: "test.alert", Severity: "info", Title: "A", Text: "b", Advice: "c", Since: at}},
		},
		World: ipc.World{
			Kind: "planet", ID: 149604618, Timestamp: at, UpdateKey: hex.EncodeToString(make([]byte, 64)), Signature: hex.EncodeToString(make([]byte, 96)),
			Roots: []ipc.WorldRoot{{Identity: peerText, Endpoints: []string{"10.99.0.1/9993"}}},
		},
		Conf:   ipc.Config{LocalConf: json.RawMessage(`{"settings":{"primaryPort":9993}}`), HomeDir: "/home-a", PrimaryPort: 9993},
		Hosted: apitest.NewController(self.Address),
		Report: "all is well\n",
	}
	id, err := identity.ParseNetworkID(nwid)
	if err != nil {
		t.Fatal(err)
	}
	peer, err := identity.ParseAddress(peerAddr)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Hosted.PutNetwork(context.Background(), id, []byte(`{"name":"vec net","authTokens":{"hidden":0}}`)); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Hosted.PutMember(context.Background(), id, peer, []byte(`{"authorized":true}`)); err != nil {
		t.Fatal(err)
	}
	return b
}

// as is a caller in a role.
func as(role ipc.Role) caller.Caller {
	return caller.Caller{Credential: caller.Credential{UID: 1000, User: "mia"}, Role: role, Why: "the test says so"}
}
