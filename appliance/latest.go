package appliance

import (
	"slices"
	"sync"
	"time"

	"smartconnect/appliance/snapshot"
	"smartconnect/telegram"
)

// maxObjects is how many objects are kept of a meter. The longest telegrams known
// have under a hundred; a text without a checksum can bring codes that are none.
const maxObjects = 512

// object is the latest of one object of the meter.
type object struct {
	telegram.Object
	At time.Time // when it came
}

// objectName is the code or the label of an object.
type objectName struct {
	code  telegram.OBIS
	label string
}

// latest is what was published last, and the latest of every object that the meter
// has sent by then. Both change under one lock, so that who asks is told of one state,
// and in place: a snapshot that a slow reader is behind holds no objects, and the meter
// task allocates nothing for one it knows. The zero latest is that of a silent meter.
type latest struct {
	mu      sync.Mutex
	snap    *snapshot.Snapshot
	objects []object
	places  map[objectName]int // in objects
}

// put takes the objects of a telegram that came now, and the snapshot that publish
// makes of it. anew says that it is another meter's.
func (l *latest) put(said []telegram.Object, anew bool, now time.Time, publish func() *snapshot.Snapshot) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if anew || l.places == nil {
		l.objects, l.places = nil, make(map[objectName]int)
	}
	for _, o := range said {
		name := objectName{o.OBIS, o.Label}
		i, known := l.places[name]
		if !known {
			i = l.place()
			l.places[name] = i
		}
		l.objects[i] = object{o, now}
	}
	l.snap = publish()
}

// place makes room for another object: where there is none left, the one goes that
// was heard of the longest ago.
func (l *latest) place() int {
	if len(l.objects) < maxObjects {
		l.objects = append(l.objects, object{})
		return len(l.objects) - 1
	}
	oldest := 0
	for i := range l.objects {
		if l.objects[i].At.Before(l.objects[oldest].At) {
			oldest = i
		}
	}
	delete(l.places, objectName{l.objects[oldest].OBIS, l.objects[oldest].Label})
	return oldest
}

// get returns the snapshot, nil before the first telegram, and a copy of the objects
// in the order they first came, nil where they are not wanted.
func (l *latest) get(objects bool) (*snapshot.Snapshot, []object) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !objects {
		return l.snap, nil
	}
	return l.snap, slices.Clone(l.objects)
}
