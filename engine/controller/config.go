package controller

import (
	"log/slog"

	"orrery/engine/clock"
	"orrery/engine/identity"
)

// Config is what a controller is made of.
type Config struct {
	// Self signs everything. Its address is the upper part of every network ID
	// that is served.
	Self *identity.Secret
	// Random fills its argument with unpredictable bytes: network numbers,
	// update IDs, revocation IDs, random IPv6 addresses.
	Random func([]byte)
	// Log must not be nil.
	Log *slog.Logger
	// Limits bound memory and rates; zero fields take the default.
	Limits Limits
	// Compat reproduces the reference in every case where spec 05 §7 has the
	// product do better: silent coercion instead of refusal, and so on. It
	// exists for tests against recorded outputs and for front ends that depend
	// on a quirk.
	Compat bool
}

// Limits bound what others can make a controller remember or do.
type Limits struct {
	Networks   int // networks; default 65536
	Members    int // member records per network, tombstones included; default 131072
	Strangers  int // records per network of members that only asked and were never touched; the oldest makes room; default 1000
	Uninvited  int // such records in all networks; the oldest of the network that has most makes room; default 65536
	Requesters int // addresses whose request rate is remembered; default 16384
	Body       int // bytes of a request body; default 8 MiB
	// PushBatch members are told of a change at once, then as many every
	// PushGap, so that a change of a big network does not stall the node and
	// 10000 members take at least 5 s. Defaults 40 and 20 ms.
	PushBatch int
	PushGap   clock.Mono
}

func (l *Limits) fill() {
	set := func(v *int, def int) {
		if *v <= 0 {
			*v = def
		}
	}
	set(&l.Networks, 1<<16)
	set(&l.Members, 1<<17)
	set(&l.Strangers, 1000)
	set(&l.Uninvited, 1<<16)
	set(&l.Requesters, 1<<14)
	set(&l.Body, 8<<20)
	set(&l.PushBatch, 40)
	if l.PushGap <= 0 {
		l.PushGap = 20 * clock.Millisecond
	}
}

// Timers of spec 05.
const (
	requestGap    = 1000 * clock.Millisecond // between answered requests of one member for one network (§3.1)
	onlineFor     = 120 * clock.Second       // after the last request (§3.2)
	authorisedFor = 180 * clock.Second       // how long an issued configuration lets its member use us for multicast (§3.10)
	credentialGap = 1100 * clock.Millisecond // between NETWORK_CREDENTIALS to one member (spec 04 §7.7)
	expiryGap     = 500 * clock.Millisecond  // between looks at expired log-ins (§3.13)
)

// Rates of requests. A member of 256 networks may ask for all of them at once.
// Requests of strangers create as many records at once as are kept, then two a
// second.
const (
	requesterBurst = 256
	requesterEvery = clock.Second / 16
	newcomerBurst  = 1000
	newcomerEvery  = clock.Second / 2
)

// Counts of spec 05 §3, besides those of configurations and rules.
const (
	maxElements      = 16384 // accepted elements of an array in a body (§2.2)
	assignTrials     = 1000
	numberTrials     = 100_000
	searchCandidates = 1 << 16 // addresses looked at when the trials found none
)
