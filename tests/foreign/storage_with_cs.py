"""Looks at the storage of a simulated cloud that was told to have RBD in clusters. Arguments: endpoint, API key, secret
key."""

import sys

from cs import CloudStack


def main():
    endpoint, key, secret = sys.argv[1:]
    cloud = CloudStack(endpoint=endpoint, key=key, secret=secret)
    pools = cloud.listStoragePools(fetch_list=True)
    seen = {pool["name"]: (pool["type"], pool["scope"], pool["clustername"]) for pool in pools}
    wanted = {name: ("RBD", "CLUSTER", "quay") for name in ("sheds", "barges")}
    assert seen == wanted, seen
    print("storage: done")


main()
