// Package telegram says what a meter said: the quantities, units and OBIS codes
// of utility meters, one decoded telegram as a plain value, and the single loop
// that turns the octets of a line into telegrams.
//
// # Vocabulary
//
// A telegram is one complete message of any format. An object is one coded
// value in it, named by an OBIS code (IEC 62056-61). A quantity is a value under
// the one name the whole product uses for it ("active_power_import_l1"), in the
// base unit of the quantity table. Import is what the house draws from the grid;
// net powers are import minus export, so import is positive.
//
// # Adding a quantity
//
// Add a constant and its row to the table in quantity.go, and a row for its
// OBIS code in obis.go. Nothing else: decode, JSON, MQTT topics and the API
// read the table.
//
// # Adding a meter format
//
// A format is a value, not a plugin: a [Format] with a name, the line settings
// it is usually met on, and two pure functions. Cut finds the first whole
// telegram in a buffer; Decode reads it. Put them in a package of their own
// below this one, and name the Format in the list of package formats. Cut must
// obey the framing law: how the octets are chunked never changes the telegrams
// that come out (the tests of package formats try every listed format).
package telegram
