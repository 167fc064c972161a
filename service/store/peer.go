package store

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"time"

	"orrery/engine/identity"
)

const (
	peerSuffix = ".peer"
	// peerAge is how long a peer is remembered, by the time of its file.
	peerAge = 30 * 24 * time.Hour
)

func peerName(a identity.Address) string { return a.String() + peerSuffix }

// LoadPeers hands every remembered peer to check, by address. Peers older than
// 30 days are deleted instead. A file that check refuses is set aside.
func (h *Home) LoadPeers(now time.Time, check func(a identity.Address, b []byte) error) ([]Notice, error) {
	if err := h.ExpirePeers(now); err != nil {
		return nil, err
	}
	var notices []Notice
	err := h.each(peersDir, peerSuffix, 10, func(id uint64, name string) error {
		a := identity.Address(id)
		_, n, err := h.load(now, maxPeer, func(b []byte) error { return check(a, b) }, peersDir, name)
		notices = append(notices, n...)
		return err
	})
	return notices, err
}

// Peer returns what was saved of a peer, nil if there is nothing.
func (h *Home) Peer(a identity.Address) ([]byte, error) {
	b, err := read(h.path(peersDir, peerName(a)), maxPeer)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

// SavePeer remembers a peer for 30 days from now.
func (h *Home) SavePeer(now time.Time, a identity.Address, b []byte) error {
	if err := h.writeIn(peersDir, peerName(a), b, 0o600); err != nil {
		return err
	}
	// A record that did not change was not written, but was in use.
	return os.Chtimes(h.path(peersDir, peerName(a)), now, now)
}

// DeletePeer forgets a peer. It is no error if it was not remembered.
func (h *Home) DeletePeer(a identity.Address) error { return Remove(h.path(peersDir, peerName(a))) }

// ExpirePeers deletes peers, and damaged peer files, older than 30 days. Call
// it once an hour.
func (h *Home) ExpirePeers(now time.Time) error {
	entries, err := os.ReadDir(h.path(peersDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		name, _, _ := strings.Cut(e.Name(), damagedMark)
		if _, ok := parseName(name, peerSuffix, 10); !ok || e.IsDir() {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) || err == nil && now.Sub(info.ModTime()) <= peerAge {
			continue
		}
		if err == nil {
			err = Remove(h.path(peersDir, e.Name()))
		}
		if err != nil {
			return err
		}
	}
	return nil
}
