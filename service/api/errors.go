package api

import "errors"

// ErrInUse is returned by [Listen] when another service answers at the path.
// Stop that one or choose another path.
var ErrInUse = errors.New("another service already uses this path for its local API")
