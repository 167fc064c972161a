package netconf

// Keys of the dictionary (spec 04 §5.1).
const (
	keyVersion        = "v"
	keyNetwork        = "nwid"
	keyTimestamp      = "ts"
	keyMaxDelta       = "ctmd"
	keyRevision       = "r"
	keyIssuedTo       = "id"
	keyTraceTarget    = "tt"
	keyTraceLevel     = "tl"
	keyFlags          = "f"
	keyMulticastLimit = "ml"
	keyType           = "t"
	keyName           = "n"
	keyMTU            = "mtu"
	keyMembership     = "C"
	keyCapabilities   = "CAP"
	keyTags           = "TAG"
	keyOwnerships     = "COO"
	keySpecialists    = "S"
	keyRoutes         = "RT"
	keyAddresses      = "I"
	keyRules          = "R"
	keyDNS            = "DNS"

	keySSOVersion  = "ssov"
	keySSOEnabled  = "ssoe"
	keySSOURL      = "aurl"
	keySSOExpiry   = "aexpt"
	keySSOIssuer   = "iurl"
	keySSOCentral  = "ssoce"
	keySSONonce    = "sson"
	keySSOState    = "ssos"
	keySSOClient   = "ssocid"
	keySSOProvider = "ssop"
)

// Sizes of text fields in bytes, with the NUL that ends them in the reference.
const (
	sizeName     = MaxName + 1
	sizeURL      = 2048
	sizeNonce    = 128
	sizeState    = 256
	sizeClient   = 256
	sizeProvider = 64
	sizeDomain   = 128
)

// Values of keyType.
const (
	typePrivate = 0
	typePublic  = 1
)

// defaultProvider stands in for a missing SSO provider.
const defaultProvider = "default"
