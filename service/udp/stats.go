package udp

import "sync/atomic"

// Stats counts since Open, over all sockets. Datagrams are UDP payloads as the
// engine sees them, however the kernel bundled them.
type Stats struct {
	ReceivedDatagrams, ReceivedBytes uint64
	SentDatagrams, SentBytes         uint64
	// ReceiveCalls and SendCalls are system calls that moved something.
	ReceiveCalls, SendCalls uint64
	// SendErrors are datagrams that the kernel refused: no route, no buffer,
	// firewall, unusable destination.
	SendErrors uint64
	// Unroutable datagrams named a socket that does not exist, or a family that
	// is not available.
	Unroutable uint64
	// Truncated datagrams were larger than a receive buffer.
	Truncated uint64
	// Offloads tells how many sockets still use segmentation offload on sending.
	Offloads int
}

// counters are the parts of Stats that a socket counts, once per batch.
type counters struct {
	receivedDatagrams, receivedBytes atomic.Uint64
	sentDatagrams, sentBytes         atomic.Uint64
	receiveCalls, sendCalls          atomic.Uint64
	sendErrors, unroutable           atomic.Uint64
	truncated                        atomic.Uint64
	segment                          atomic.Bool
}

// Stats adds up the sockets' counters.
func (s *Sockets) Stats() Stats {
	var t Stats
	for _, sk := range s.all {
		t.ReceivedDatagrams += sk.receivedDatagrams.Load()
		t.ReceivedBytes += sk.receivedBytes.Load()
		t.SentDatagrams += sk.sentDatagrams.Load()
		t.SentBytes += sk.sentBytes.Load()
		t.ReceiveCalls += sk.receiveCalls.Load()
		t.SendCalls += sk.sendCalls.Load()
		t.SendErrors += sk.sendErrors.Load()
		t.Unroutable += sk.unroutable.Load()
		t.Truncated += sk.truncated.Load()
		if sk.segment.Load() {
			t.Offloads++
		}
	}
	return t
}
