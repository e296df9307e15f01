loader netfilter-persistent
