package controller

import (
	"encoding/hex"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/credential"
	"orrery/engine/identity"
	"orrery/engine/netconf"
	"orrery/engine/wire"
)

// testSecret is a key pair whose address does not follow from the key.
func testSecret(t testing.TB, a identity.Address) *identity.Secret {
	t.Helper()
	var private identity.PrivateKey
	for i := range private {
		private[i] = byte(uint64(a)>>(i%5*8)) + byte(i)
	}
	public := private.Public()
	s, err := identity.ParseSecret(fmt.Sprintf("%s:0:%s:%s", a, hex.EncodeToString(public[:]), hex.EncodeToString(private[:])))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// testIdentity is an identity without a private key.
func testIdentity(a identity.Address) (id identity.Identity) {
	id.Address = a
	for i := range id.Public {
		id.Public[i] = byte(uint64(a)>>(i%5*8)) + byte(7*i)
	}
	return id
}

func testRandom() func([]byte) {
	src := rand.NewChaCha8([32]byte{1})
	return func(b []byte) { _, _ = src.Read(b) }
}

func testLog(t testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), nil))
}

// joinChunks puts a configuration together as a member does.
func joinChunks(t testing.TB, c *Controller, chunks [][]byte) []byte {
	t.Helper()
	first, err := wire.ParseConfigChunk(chunks[0])
	if err != nil {
		t.Fatal(err)
	}
	a := netconf.Assembler{Network: first.Network}
	for _, chunk := range chunks {
		r, err := a.Add(clock.Second, chunk, lookup(c))
		if err != nil {
			t.Fatal(err)
		}
		if r.Config != nil {
			return r.Config
		}
	}
	t.Fatal("the chunks do not make a configuration")
	return nil
}

func lookup(c *Controller) credential.Lookup {
	return func(a identity.Address) (identity.Identity, bool) { return c.self.Identity, a == c.self.Address }
}
