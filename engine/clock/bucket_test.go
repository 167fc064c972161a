package clock

import "testing"

func TestBucket(t *testing.T) {
	t.Parallel()
	var b Bucket
	const burst, every = 3, 2 * Second
	for _, c := range []struct {
		at   Mono
		want bool
	}{
		{-5 * Hour, true}, {-5 * Hour, true}, {-5 * Hour, true}, {-5 * Hour, false}, // full whatever the time, then empty
		{-5*Hour + every - 1, false},
		{-5*Hour + every, true}, {-5*Hour + every, false},
		{-5*Hour + 5*Second, true}, {-5*Hour + 6*Second, true}, {-5*Hour + 6*Second, false}, // what was waited counts
		{Hour, true}, {Hour, true}, {Hour, true}, {Hour, false}, // no more than the burst
		{Hour + every - 1, false}, {Hour + every, true},
	} {
		if got := b.Take(c.at, burst, every); got != c.want {
			t.Errorf("at %d ms: %v", c.at/Millisecond, got)
		}
	}
	b.Give()
	b.Give()
	b.Give() // one more than were taken: it is full, not more
	for i, want := range []bool{true, true, true, false} {
		if got := b.Take(Hour+every, burst, every); got != want {
			t.Errorf("after all was given back, the %d-th: %v", i, got)
		}
	}
	if b.Take(2*Hour, 0, Second) {
		t.Error("a bucket without room gave a token")
	}
}
