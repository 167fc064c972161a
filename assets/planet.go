package assets

import _ "embed"

//go:embed planet.bin
var planet []byte

// Planet is the built-in planet: the public roots that are used until a planet
// file in the home directory says otherwise (spec 02 §14.4). It is a signed
// world in its binary form; do not change it.
func Planet() []byte { return planet }
