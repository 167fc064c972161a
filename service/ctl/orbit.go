package ctl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"orrery/engine/identity"
	"orrery/engine/world"
	"orrery/service/ipc"
)

// moonID parses the ID of a moon: 16 hex digits as they are printed, or the last
// 10 as the reference takes them.
func moonID(s string) (uint64, error) {
	id, err := strconv.ParseUint(s, 16, 64)
	if err != nil || id == 0 || len(s) != 10 && len(s) != 16 {
		return 0, usagef("%q is not the ID of a moon: want 16 hex digits, or the last 10 of them; \"orreryctl listmoons\" shows them", clipArg(s))
	}
	return id, nil
}

// Orbit asks a seed, a root of a moon, for the moon. key, if not "", must have
// signed it: 128 hex digits, or a file with them. Without a seed the moon's file
// must be in moons.d.
func (t *Tool) Orbit(ctx context.Context, moon, seed, key string) error {
	id, err := moonID(moon)
	if err != nil {
		return err
	}
	if seed != "" {
		a, err := identity.ParseAddress(seed)
		if err != nil || a.Reserved() {
			return usagef("%q is not the address of a node: want 10 hex digits, those of a root of the moon", clipArg(seed))
		}
	}
	if key, err = publicKey(key); err != nil {
		return err
	}
	if t.Service == nil { // the reference's call, which knows no key
		if key != "" || seed == "" {
			return t.needService()
		}
		body, err := json.Marshal(map[string]string{"seed": seed})
		if err != nil {
			return fmt.Errorf("orbit: %w", err)
		}
		raw, err := t.ask(ctx, "orbit", http.MethodPost, fmt.Sprintf("/moon/%010x", id), body)
		if err != nil {
			return err
		}
		if t.JSON {
			t.printf("%s", raw)
		} else {
			t.printf("200 orbit OK\n")
		}
		return nil
	}
	w, err := t.Service.Orbit(ctx, fmt.Sprintf("%016x", id), ipc.Orbit{Seed: seed, Key: key})
	if err != nil {
		return explain(err)
	}
	if t.JSON {
		return t.showValue(w)
	}
	t.printf("200 orbit OK\n")
	return nil
}

// Deorbit leaves a moon, or stops asking for it.
func (t *Tool) Deorbit(ctx context.Context, moon string) error {
	id, err := moonID(moon)
	if err != nil {
		return err
	}
	raw, err := t.ask(ctx, "deorbit", http.MethodDelete, fmt.Sprintf("/moon/%010x", id), nil)
	if err != nil {
		return err
	}
	if t.JSON {
		t.printf("%s", raw)
		return nil
	}
	t.printf("200 deorbit OK\n")
	return nil
}

// WorldUse has the service take a planet or moon from a file, in place of the
// one in use. key, if not "", must have signed it.
func (t *Tool) WorldUse(ctx context.Context, kind world.Kind, path, key string) error {
	if err := t.needService(); err != nil {
		return err
	}
	key, err := publicKey(key)
	if err != nil {
		return err
	}
	w, err := readWorld(path, kind)
	if err != nil {
		return failf("%s: %w", path, err)
	}
	v, err := t.Service.UseWorld(ctx, ipc.UseWorld{World: w.AppendBinary(nil), Key: key})
	if err != nil {
		return explain(err)
	}
	if t.JSON {
		return t.showValue(v)
	}
	t.printf("%s %x is in use\n", printable(v.Kind), v.ID)
	return nil
}

// publicKey reads a world's public key from an argument: 128 hex digits, or the
// name of a file with them or with a signing key.
func publicKey(arg string) (string, error) {
	if arg == "" {
		return "", nil
	}
	if _, err := world.ParseKey(arg); err == nil {
		return strings.ToLower(arg), nil
	}
	b, err := readFile(arg, maxKeyFile)
	if err != nil {
		return "", usagef("--key %s: neither 128 hex digits nor a file that can be read", clipArg(arg))
	}
	defer clear(b)
	text := strings.TrimSpace(string(b))
	if _, err := world.ParseKey(text); err == nil {
		return strings.ToLower(text), nil
	}
	k, err := parseKeyFile(b)
	if err != nil {
		return "", usagef("--key %s: %w", clipArg(arg), err)
	}
	defer k.Destroy()
	return fmt.Sprintf("%x", k.Public[:]), nil
}

// maxKeyFile is the longest file that holds a key: a definition with it.
const maxKeyFile = 64 << 10

var errNoKey = errors.New("holds neither a key nor a definition with one")

// parseKeyFile reads a signing key: 128 raw bytes as mkworld writes them, or the
// definition of a world as initmoon prints it.
func parseKeyFile(b []byte) (*world.SigningKey, error) {
	if len(b) == world.SigningKeyLen {
		return world.ParseSigningKey(b)
	}
	d, err := world.ParseDefinition(b)
	if err != nil {
		return nil, errNoKey
	}
	return d.Key()
}
