package vl1

const (
	// lowestPort is the first that NATs take.
	lowestPort = 1024
	// prime is that above 65,535: multiples of a number run through all ports.
	prime = 65537
)

// walk goes through all ports, each once, in an order of chance.
type walk struct{ pace, at uint32 }

func (w *Wire) newWalk() walk {
	return walk{pace: 1 + uint32(w.random.uint64()%(prime-1)), at: uint32(w.random.uint64() % prime)}
}

func (k *walk) begun() bool { return k.pace != 0 }

// next is the next number of the walk. It may be none of a port that NATs take.
func (k *walk) next() int {
	n := int(k.at)
	k.at = uint32((uint64(k.at) + uint64(k.pace)) % prime)
	return n
}

// nextPort is the next port that NATs take.
func (k *walk) nextPort() uint16 {
	for {
		if n := k.next(); n >= lowestPort && n <= 65535 {
			return uint16(n)
		}
	}
}
