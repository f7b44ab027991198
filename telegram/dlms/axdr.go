package dlms

import (
	"encoding/binary"
	"fmt"
	"math"

	"smartconnect/telegram"
)

// kind says how the content of an A-XDR type is read.
type kind uint8

const (
	unknown kind = iota
	null
	container // count, then that many values
	compact   // compact-array: types once, then bare contents
	signed    // fixed size, two's complement
	unsigned  // fixed size
	float     // fixed size, IEEE 754
	fixed     // fixed size, octets
	sized     // length, then octets
	bits      // length in bits, then octets
)

// types are the data types of IEC 62056-5-3 and 62056-6-2 by their tag (section
// 8 of the DLMS reference); size is in octets where it is fixed.
var types = [256]struct {
	name string
	kind kind
	size int
}{
	0x00: {"null-data", null, 0},
	0x01: {"array", container, 0},
	0x02: {"structure", container, 0},
	0x03: {"boolean", unsigned, 1},
	0x04: {"bit-string", bits, 0},
	0x05: {"double-long", signed, 4},
	0x06: {"double-long-unsigned", unsigned, 4},
	0x09: {"octet-string", sized, 0},
	0x0a: {"visible-string", sized, 0},
	0x0c: {"utf8-string", sized, 0},
	0x0d: {"bcd", signed, 1},
	0x0f: {"integer", signed, 1},
	0x10: {"long", signed, 2},
	0x11: {"unsigned", unsigned, 1},
	0x12: {"long-unsigned", unsigned, 2},
	0x13: {"compact-array", compact, 0},
	0x14: {"long64", signed, 8},
	0x15: {"long64-unsigned", unsigned, 8},
	0x16: {"enum", unsigned, 1},
	0x17: {"float32", float, 4},
	0x18: {"float64", float, 8},
	0x19: {"date-time", fixed, 12},
	0x1a: {"date", fixed, 5},
	0x1b: {"time", fixed, 4},
	0x1c: {"delta-integer", signed, 1},
	0x1d: {"delta-long", signed, 2},
	0x1e: {"delta-double-long", signed, 4},
	0x1f: {"delta-unsigned", unsigned, 1},
	0x20: {"delta-long-unsigned", unsigned, 2},
	0x21: {"delta-double-long-unsigned", unsigned, 4},
	0xff: {"dont-care", null, 0},
}

const (
	tagArray       = 0x01
	tagStructure   = 0x02
	tagOctetString = 0x09
	tagVisible     = 0x0a
	tagUTF8        = 0x0c
	tagInteger     = 0x0f
	tagUnsigned16  = 0x12
	tagEnum        = 0x16
	tagDateTime    = 0x19
)

// maxDepth bounds nesting; real lists need four levels.
const maxDepth = 8

// value is one A-XDR value. Of a container only the count is kept.
type value struct {
	tag byte
	n   int64   // integers; the count of a container
	f   float64 // floats
	b   []byte  // octets; the octets of an integer that does not fit
}

func (v value) kind() kind { return types[v.tag].kind }

// integer returns the number of an integer type.
func (v value) integer() (int64, bool) {
	k := v.kind()
	return v.n, (k == signed || k == unsigned) && v.b == nil
}

// cursor walks A-XDR values (IEC 61334-6 as IEC 62056-5-3 uses it). The first
// error sticks, and everything read after it is zero.
type cursor struct {
	b   []byte
	at  int
	err error
}

func (c *cursor) fail(class error, format string, a ...any) {
	if c.err == nil {
		c.err = fmt.Errorf("dlms: %w: "+format+" at octet %d of the list", append(append([]any{class}, a...), c.at)...)
	}
	c.at = len(c.b)
}

// take returns the next n octets.
func (c *cursor) take(n int) []byte {
	if n > len(c.b)-c.at {
		c.fail(telegram.ErrMalformed, "%d octets announced, %d left", n, len(c.b)-c.at)
		return nil
	}
	b := c.b[c.at : c.at+n]
	c.at += n
	return b
}

func (c *cursor) octet() byte {
	if c.at >= len(c.b) {
		c.fail(telegram.ErrMalformed, "ends inside a value")
		return 0
	}
	c.at++
	return c.b[c.at-1]
}

// length reads a length (IEC 61334-6, 6.7): one octet below 80, or 81 or 82
// and as many octets. Nothing on a consumer port needs more.
func (c *cursor) length() int {
	switch n := c.octet(); {
	case n < 0x80:
		return int(n)
	case n == 0x81:
		return int(c.octet())
	case n == 0x82:
		hi := c.octet()
		return int(hi)<<8 | int(c.octet())
	default:
		c.fail(telegram.ErrMalformed, "length of %d octets", n&0x7f)
		return 0
	}
}

// tag reads a type tag that the table knows.
func (c *cursor) tag() byte {
	tag := c.octet()
	switch types[tag].kind {
	case unknown:
		c.fail(telegram.ErrMalformed, "unknown type %02X", tag)
	case compact:
		c.fail(telegram.ErrUnsupported, "compact-array")
	}
	return tag
}

// count reads how many values a container holds; each takes an octet at least.
func (c *cursor) count() int {
	n := c.length()
	if n > len(c.b)-c.at {
		c.fail(telegram.ErrMalformed, "%d values announced, %d octets left", n, len(c.b)-c.at)
		return 0
	}
	return n
}

// enter reads the tag and count of a container; what follows are its values.
// For any other type it reads nothing.
func (c *cursor) enter() (tag byte, n int) {
	if c.at >= len(c.b) || types[c.b[c.at]].kind != container {
		return 0, 0
	}
	tag = c.octet()
	return tag, c.count()
}

// skip walks over one value with everything in it.
func (c *cursor) skip() { c.walk(1) }

func (c *cursor) walk(depth int) {
	if c.at < len(c.b) {
		switch t := &types[c.b[c.at]]; t.kind {
		case null, signed, unsigned, float, fixed: // most of every list
			if t.size < len(c.b)-c.at {
				c.at += 1 + t.size
				return
			}
		case container:
			if depth > maxDepth {
				c.fail(telegram.ErrMalformed, "nested deeper than %d", maxDepth)
			}
			_, n := c.enter()
			for ; n > 0 && c.err == nil; n-- {
				c.walk(depth + 1)
			}
			return
		}
	}
	c.content(c.tag())
}

// next reads one value; a container is skipped.
func (c *cursor) next() value {
	if c.at < len(c.b) && types[c.b[c.at]].kind == container {
		peek := *c
		tag, n := peek.enter()
		c.skip()
		return value{tag: tag, n: int64(n)}
	}
	tag := c.tag()
	b := c.content(tag)
	if c.err != nil {
		return value{}
	}
	return valueOf(tag, b)
}

// content returns the octets of a value that is no container.
func (c *cursor) content(tag byte) []byte {
	switch t := &types[tag]; t.kind {
	case sized:
		return c.take(c.length())
	case bits:
		return c.take((c.length() + 7) / 8)
	default:
		return c.take(t.size)
	}
}

func valueOf(tag byte, b []byte) value {
	v := value{tag: tag}
	switch types[tag].kind {
	case signed:
		v.n = int64(bigEndian(b)) << (64 - 8*len(b)) >> (64 - 8*len(b))
	case unsigned:
		n := bigEndian(b)
		if v.n = int64(n); n > math.MaxInt64 {
			v.n, v.b = 0, b
		}
	case float:
		if len(b) == 4 {
			v.f = float64(math.Float32frombits(binary.BigEndian.Uint32(b)))
		} else {
			v.f = math.Float64frombits(binary.BigEndian.Uint64(b))
		}
	case sized, bits, fixed:
		v.b = b
	}
	return v
}

func bigEndian(b []byte) (n uint64) {
	for _, c := range b {
		n = n<<8 | uint64(c)
	}
	return n
}
