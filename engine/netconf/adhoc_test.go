package netconf

import "testing"

func TestAdHocVectors(t *testing.T) {
	t.Parallel()
	v := load(t)
	const notFound = 3
	for _, c := range v.AdHoc {
		got, ok := AdHoc(c.NetworkID, c.Address, v.Now)
		if ok != c.HasConfig {
			t.Errorf("%v: %v", c.NetworkID, ok)
			continue
		}
		if bad := FormOf(c.NetworkID) == AdHocBadPorts; bad != (c.Status == notFound) {
			t.Errorf("%v: form %d, status %d", c.NetworkID, FormOf(c.NetworkID), c.Status)
		}
		if ok {
			compare(t, c.NetworkID.String(), got, c.Config)
		}
	}
	if _, ok := AdHoc(v.NetworkID, 1, v.Now); ok || FormOf(v.NetworkID) != AdHocNone {
		t.Error("a network with a controller has an ad-hoc configuration")
	}
}
