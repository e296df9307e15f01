open_unit dbus
