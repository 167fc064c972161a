package vl1

// recent keeps a value for each of the keys that were asked for last, up to a
// limit: then the one made first gives way. It is for what a stranger can make
// us remember.
type recent[K comparable, V any] struct {
	limit  int
	places map[K]int32
	made   []struct {
		key   K
		value V
	}
	next int // the place that gives way, once all are taken
}

func newRecent[K comparable, V any](limit int) recent[K, V] { return recent[K, V]{limit: limit} }

// find returns the value of a key, nil if it is not remembered. It is valid
// until the next call of at.
func (r *recent[K, V]) find(k K) *V {
	if i, ok := r.places[k]; ok {
		return &r.made[i].value
	}
	return nil
}

// at returns the value of a key, which is zero if it was not remembered.
func (r *recent[K, V]) at(k K) *V {
	if v := r.find(k); v != nil {
		return v
	}
	if r.places == nil {
		r.places = make(map[K]int32)
	}
	i := len(r.made)
	if i < r.limit {
		r.made = append(r.made, struct {
			key   K
			value V
		}{key: k})
	} else {
		i = r.next
		r.next = (r.next + 1) % r.limit
		delete(r.places, r.made[i].key)
		var zero V
		r.made[i].key, r.made[i].value = k, zero
	}
	r.places[k] = int32(i)
	return &r.made[i].value
}

func (r *recent[K, V]) len() int { return len(r.made) }
