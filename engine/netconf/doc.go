// Package netconf has the configuration that a controller gives to each member
// of its network: its fields and text form, how it travels in signed chunks, how
// a member asks for it and decides whether to take it, the configurations of
// networks without a controller, and the user's own settings of a network (spec
// 04 §4 to §6, §14.5).
//
// It holds no network state but that of an unfinished transfer ([Assembler]),
// sends nothing, and writes no files.
package netconf

import "errors"

var (
	// ErrVersion is returned for a configuration in the form of before version 6.
	ErrVersion = errors.New("configuration is of an unsupported version")
	// ErrIncomplete is returned for a configuration without network or member.
	ErrIncomplete = errors.New("configuration names no network or member")
	// ErrField is returned for a configuration with a field that does not parse.
	// It is wrapped with the field's key.
	ErrField = errors.New("configuration has a malformed field")
	// ErrTooLong is returned when an encoded configuration exceeds what members
	// can take.
	ErrTooLong = errors.New("configuration is too long")
	// ErrSetting is returned for a settings file with a value that cannot be used.
	ErrSetting = errors.New("malformed setting")
)

// Limits of a configuration (spec 04 §16).
const (
	MaxCapabilities = 128
	MaxTags         = 128
	MaxOwnerships   = 4
	MaxSpecialists  = 256
	MaxRoutes       = 128
	MaxAddresses    = 32
	MaxDNSServers   = 4
	// MaxName is the length of a network's name in bytes.
	MaxName = 127

	MinMTU     = 1280
	DefaultMTU = 2800
	MaxMTU     = 10000

	// MaxToken is the length of a join token in bytes, MaxPrefixes that of a
	// list of prefixes in the settings.
	MaxToken    = 256
	MaxPrefixes = 64

	// DefaultMulticastLimit is what controllers set in new networks.
	DefaultMulticastLimit = 32

	// DefaultMaxDelta, MinMaxDelta and MaxMaxDelta are what controllers allow
	// for [Config.MaxDelta], in milliseconds.
	DefaultMaxDelta = 1_800_000
	MinMaxDelta     = 300_000
	MaxMaxDelta     = 7_200_000
)
